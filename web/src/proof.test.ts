// SPDX-License-Identifier: Apache-2.0
// Proofs of a small tree hold for each of its leaves, and for no changed one.
import { webcrypto } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { leafHash, nodeHash, readCheckpoint, verifyLeaf, verifySignature } from './proof';
import { sha256, sha256Plain } from './sha256';

// Node.js 18 keeps it apart.
if (!globalThis.crypto) Object.defineProperty(globalThis, 'crypto', { value: webcrypto });

const text = (s: string) => new TextEncoder().encode(s);
const base64 = (b: Uint8Array) => btoa(String.fromCharCode(...b));
const hex = (b: Uint8Array) => Array.from(b, (v) => v.toString(16).padStart(2, '0')).join('');

/** Root and inclusion path as RFC 9162, 2.1 defines them, top down. */
async function tree(leaves: Uint8Array[], index: number): Promise<{ root: Uint8Array; path: Uint8Array[] }> {
  if (leaves.length === 1) return { root: leaves[0], path: [] };
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  const left = await tree(leaves.slice(0, k), Math.min(index, k - 1));
  const right = await tree(leaves.slice(k), Math.max(index - k, 0));
  const path = index < k ? [...left.path, right.root] : [...right.path, left.root];
  return { root: await nodeHash(left.root, right.root), path };
}

describe('sha256', () => {
  it('agrees with the known answers of FIPS 180-4', () => {
    expect(hex(sha256Plain(text('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(hex(sha256Plain(text('')))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
  it('agrees with WebCrypto at every length around a block', async () => {
    for (let n = 50; n < 140; n++) {
      const data = new Uint8Array(n).fill(n);
      expect(hex(sha256Plain(data))).toBe(hex(await sha256(data)));
    }
  });
});

describe('inclusion', () => {
  it('holds for every leaf of trees of 1 to 20 leaves, and fails when anything is changed', async () => {
    for (let size = 1; size <= 20; size++) {
      const entries = Array.from({ length: size }, (_, i) => text(`entry ${i}`));
      const hashes = await Promise.all(entries.map(leafHash));
      for (let index = 0; index < size; index++) {
        const { root, path } = await tree(hashes, index);
        const checkpoint = readCheckpoint(`hub.example\n${size}\n${base64(root)}\n\n— hub.example c2ln\n`);
        const proof = { index, leaf: '', inclusion: path.map(base64) };
        expect(await verifyLeaf(proof, entries[index], checkpoint)).toBe(true);
        expect(await verifyLeaf(proof, text('forged'), checkpoint)).toBe(false);
        expect(await verifyLeaf({ ...proof, index: index + 1 }, entries[index], checkpoint)).toBe(false);
        expect(await verifyLeaf({ ...proof, inclusion: [...proof.inclusion, base64(root)] }, entries[index], checkpoint)).toBe(false);
      }
    }
  });
  it('refuses what is no checkpoint', () => {
    expect(() => readCheckpoint('hub\nmany\nAAAA\n')).toThrow();
  });
});

describe('signature', () => {
  // written by a hub of the demo district
  const note = "zhongshu.local/log\n45\nlNbrtpqHTXnbRhYAzgRnf6lN4Yn6nY1kXrzJxv/vMpc=\n\n— zhongshu.local/log t53iDk2rjSB022/0QXszDu996T43kSV2G/j+s3YIcXg3VOi7gJqbjRs12/SNuwWW1wC+B5BMwXU53WbOq6xvXUqRLgo=\n— zhongshu.local/log IIwgjDBFAiEAqkw+qoZTA1Jraw8jc9zZU/rCmYaOn6UOyG+90Dug2YQCIHq4JQOUsHSRL8T9ziDBwvmAjyWDw7a2JIYzvnv/dCIl\n";
  const keys = "zhongshu.local/log+b79de20e+AaaMbebvcGKtJNGMlxC1kXbiR2IRBPXBulEiIPEGDuEd\nzhongshu.local/log+208c208c+/3pob25nc2h1L3NtMi13aXRoLXNtMwTyZYFMHpZIYOWvu0mrHcL2S+8xP/qZ4EvX2tMD2K0WV3vmt17nsq0EpmzdrM/yeAqv5pL4TKNPc6AMth3+I9Ew\n";

  it('holds for the note as signed, and for no other', async () => {
    expect(await verifySignature(note, keys)).toBe(true);
    expect(await verifySignature(note.replace(/\n(\d+)\n/, '\n1$1\n'), keys)).toBe(false);
    expect(await verifySignature(note, '')).toBeNull();
  });
});
