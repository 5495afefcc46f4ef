// SPDX-License-Identifier: Apache-2.0
// Holds a case as it is shown against what the tamper-evident log says of it.
import { cases, ledger } from './api';
import { bytesOfBase64, readCheckpoint, same, verifyLeaf, type Checkpoint } from './proof';
import type { TimelineEntry } from './types';

export interface LeafResult {
  index: number;
  included: boolean;
  /** What the leaf tells, when it is JSON. */
  told: Record<string, unknown> | null;
  entry: TimelineEntry | null;
  /** Fields that the page shows differently from the log. */
  differs: string[];
}

export interface CaseProof {
  checkpoint: Checkpoint;
  /** The public checkpoint of the log is this one. */
  isPublic: boolean;
  leaves: LeafResult[];
  sound: boolean;
}

const compared = ['n', 'action', 'from', 'to', 'by', 'at', 'comment'] as const;

export function entryBytes(leaf: string): Uint8Array {
  return leaf.startsWith('{') ? new TextEncoder().encode(leaf) : bytesOfBase64(leaf);
}

function told(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return null;
  }
}

const equal = (a: unknown, b: unknown) => a === b || (typeof a === 'string' && typeof b === 'string' && Date.parse(a) === Date.parse(b));

export function differences(leaf: Record<string, unknown> | null, entry: TimelineEntry | null): string[] {
  if (!leaf || !entry) return [];
  return compared.filter((name) => leaf[name] !== undefined && entry[name] !== undefined && !equal(leaf[name], entry[name]));
}

export async function proveCase(id: string, timeline: TimelineEntry[]): Promise<CaseProof> {
  const [proof, open] = await Promise.all([cases.proof(id), ledger.checkpoint().catch(() => '')]);
  const checkpoint = readCheckpoint(proof.checkpoint);
  const leaves = await Promise.all(proof.leaves.map(async (one): Promise<LeafResult> => {
    const bytes = entryBytes(one.leaf);
    const content = told(bytes);
    const entry = timeline.find((e) => e.leaf === one.index)
      ?? timeline.find((e) => content !== null && e.n === content.n) ?? null;
    return { index: one.index, included: await verifyLeaf(one, bytes, checkpoint), told: content, entry, differs: differences(content, entry) };
  }));
  let isPublic = false;
  try {
    const shown = readCheckpoint(open);
    isPublic = shown.size === checkpoint.size && same(shown.root, checkpoint.root);
  } catch {
    // the log's own checkpoint could not be read: the proof stands on the one that came with it
  }
  return { checkpoint, isPublic, leaves, sound: leaves.every((l) => l.included && !l.differs.length) };
}
