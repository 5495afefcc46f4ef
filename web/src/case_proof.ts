// SPDX-License-Identifier: Apache-2.0
// Holds a case as it is shown against what the tamper-evident log says of it.
import { cases, ledger } from './api';
import { bytesOfBase64, readCheckpoint, same, verifyLeaf, verifySignature, type Checkpoint } from './proof';
import type { TimelineEntry } from './types';

/** What a leaf tells: which entity changed, when, and the digest of its new state. */
export interface LeafFacts {
  subject?: string;
  at?: string;
  op?: string;
  sha256?: string;
}

export interface LeafResult {
  index: number;
  /** Stands in the tree of the checkpoint, and is about this case. */
  sound: boolean;
  facts: LeafFacts;
  /** The steps of the timeline that this leaf covers. */
  entries: TimelineEntry[];
}

export interface CaseProof {
  checkpoint: Checkpoint;
  /** The log's signature (Ed25519); null when this browser cannot check it. */
  signed: boolean | null;
  /** The public checkpoint of the log is this one. */
  isPublic: boolean;
  leaves: LeafResult[];
  /** Steps that no leaf covers: just made, or not made by the hub. */
  uncovered: TimelineEntry[];
  sound: boolean;
}

export function entryBytes(leaf: string): Uint8Array {
  return leaf.startsWith('{') ? new TextEncoder().encode(leaf) : bytesOfBase64(leaf);
}

export function factsOf(leaf: Uint8Array): LeafFacts {
  try {
    return JSON.parse(new TextDecoder().decode(leaf)) as LeafFacts;
  } catch {
    return {};
  }
}

/** The log writes a leaf for each transaction, and a step of the timeline carries its transaction's time. */
export const covers = (facts: LeafFacts, entry: TimelineEntry) => facts.at !== undefined && facts.at === entry.at;

export async function proveCase(id: string, timeline: TimelineEntry[]): Promise<CaseProof> {
  const [proof, open] = await Promise.all([cases.proof(id), ledger.checkpoint().catch(() => '')]);
  const checkpoint = readCheckpoint(proof.checkpoint);
  const leaves = await Promise.all(proof.leaves.map(async (one): Promise<LeafResult> => {
    const bytes = entryBytes(one.leaf);
    const facts = factsOf(bytes);
    const included = await verifyLeaf(one, bytes, checkpoint);
    return { index: one.index, sound: included && facts.subject === id, facts, entries: timeline.filter((e) => covers(facts, e)) };
  }));
  let isPublic = false;
  try {
    const shown = readCheckpoint(open);
    isPublic = shown.size === checkpoint.size && same(shown.root, checkpoint.root);
  } catch {
    // the log's own checkpoint could not be read: the proof stands on the one that came with it
  }
  const signed = await verifySignature(proof.checkpoint, proof.keys ?? '');
  const uncovered = timeline.filter((e) => !leaves.some((l) => covers(l.facts, e)));
  return { checkpoint, signed, isPublic, leaves, uncovered, sound: leaves.every((l) => l.sound) && signed !== false && !uncovered.length };
}
