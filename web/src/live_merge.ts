// SPDX-License-Identifier: Apache-2.0
// How a change of the stream meets an entity that is already here.
import type { Change, Entity } from './types';

/** The entity after the change; null when it is gone. A change of an unknown entity builds it from what is told. */
export function merge(entity: Entity | undefined, change: Change): Entity | null {
  if (change.op === 'delete') return null;
  const known = change.op === 'create' ? undefined : entity;
  const next: Entity = { ...(known ?? {}), ...change.attrs, id: change.id, type: known?.type ?? change.type, modifiedAt: change.at };
  for (const name of change.gone ?? []) delete next[name];
  return next;
}

/** Changes that arrive while a list is being fetched wait, and are applied in order to what was fetched. */
export class Gate {
  private waiting: Change[] | null = null;

  constructor(private readonly apply: (change: Change) => void) {}

  close(): void {
    this.waiting = [];
  }

  pass(change: Change): void {
    if (this.waiting) this.waiting.push(change);
    else this.apply(change);
  }

  open(): void {
    const held = this.waiting ?? [];
    this.waiting = null;
    held.forEach(this.apply);
  }
}
