// SPDX-License-Identifier: Apache-2.0
// Checks in the browser that entries stand in the tamper-evident log (RFC 6962 tree, C2SP checkpoint).
import { sha256 } from './sha256';

export interface Checkpoint {
  origin: string;
  size: number;
  root: Uint8Array;
}

export function bytesOfBase64(text: string): Uint8Array {
  const raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

const bytesOfHex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** A hash as base64 or as 64 hexadecimal digits. */
export function bytesOfHash(text: string): Uint8Array {
  return /^[0-9a-f]{64}$/i.test(text) ? bytesOfHex(text) : bytesOfBase64(text);
}

export const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((v, i) => v === b[i]);

/** The first three lines of a checkpoint: origin, size, root. Throws when they are not that. */
export function readCheckpoint(note: string): Checkpoint {
  const [origin, size, root] = note.split('\n');
  const checkpoint = { origin, size: Number(size), root: bytesOfBase64(root ?? '') };
  if (!origin || !/^\d+$/.test(size ?? '') || checkpoint.root.length !== 32) throw new Error('not a checkpoint');
  return checkpoint;
}

async function hash(prefix: number, ...pieces: Uint8Array[]): Promise<Uint8Array> {
  const data = new Uint8Array(1 + pieces.reduce((n, p) => n + p.length, 0));
  data[0] = prefix;
  let at = 1;
  for (const piece of pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  return sha256(data);
}

export const leafHash = (entry: Uint8Array) => hash(0, entry);
export const nodeHash = (left: Uint8Array, right: Uint8Array) => hash(1, left, right);

/** The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); null when the proof has the wrong length. */
export async function rootFrom(leaf: Uint8Array, index: number, size: number, path: Uint8Array[]): Promise<Uint8Array | null> {
  if (index >= size) return null;
  let fn = index;
  let sn = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (sn === 0) return null;
    if (fn % 2 === 1 || fn === sn) {
      root = await nodeHash(sibling, root);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      root = await nodeHash(root, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? root : null;
}

export interface LeafProof {
  index: number;
  leaf: string;
  inclusion: string[];
}

/** True when the entry stands at its place in the tree of the checkpoint. */
export async function verifyLeaf(proof: LeafProof, entry: Uint8Array, checkpoint: Checkpoint): Promise<boolean> {
  try {
    const root = await rootFrom(await leafHash(entry), proof.index, checkpoint.size, proof.inclusion.map(bytesOfHash));
    return root !== null && same(root, checkpoint.root);
  } catch {
    return false;
  }
}

const ed25519 = 1;

/** The Ed25519 signature of a signed note under the verifier keys ("name+hash+base64", one a line); null when this
 * browser cannot check it, false when it does not hold or there is none. */
export async function verifySignature(note: string, keys: string): Promise<boolean | null> {
  const end = note.indexOf('\n\n');
  const body = new TextEncoder().encode(note.slice(0, end + 1));
  const signatures = note.slice(end + 2).split('\n').map((line) => line.match(/^— (\S+) (\S+)$/));
  for (const line of keys.split('\n')) {
    const [, name, , key] = line.match(/^([^+]+)\+([0-9a-f]{8})\+(\S+)$/) ?? [];
    const bytes = key ? bytesOfBase64(key) : new Uint8Array();
    if (bytes[0] !== ed25519 || bytes.length !== 33) continue;
    const found = signatures.filter((s) => s && s[1] === name).map((s) => bytesOfBase64(s![2]).slice(4)).filter((s) => s.length === 64);
    try {
      const imported = await crypto.subtle.importKey('raw', bytes.slice(1), { name: 'Ed25519' }, false, ['verify']);
      for (const signature of found) if (await crypto.subtle.verify({ name: 'Ed25519' }, imported, signature, body)) return true;
      return false;
    } catch {
      return null;
    }
  }
  return null;
}
