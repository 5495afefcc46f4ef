// SPDX-License-Identifier: Apache-2.0
// Changes of the stream leave entities as the server has them.
import { describe, expect, it } from 'vitest';
import { Gate, merge } from './live_merge';
import type { Change } from './types';

const change = (more: Partial<Change>): Change => ({ seq: 1, op: 'update', id: 'urn:a', type: ['T'], at: '2026-03-01T00:00:00Z', attrs: {}, ...more });

describe('merge', () => {
  it('replaces the attributes told and keeps the others', () => {
    const next = merge({ id: 'urn:a', type: 'T', pm25: 10, name: 'A' }, change({ attrs: { pm25: 12 } }));
    expect(next).toMatchObject({ id: 'urn:a', type: 'T', pm25: 12, name: 'A', modifiedAt: '2026-03-01T00:00:00Z' });
  });
  it('forgets attributes that are gone', () => {
    expect(merge({ id: 'urn:a', type: 'T', pm25: 10 }, change({ gone: ['pm25'] }))).not.toHaveProperty('pm25');
  });
  it('starts afresh at a create and ends at a delete', () => {
    expect(merge({ id: 'urn:a', type: 'T', old: 1 }, change({ op: 'create', attrs: { pm25: 1 } }))).not.toHaveProperty('old');
    expect(merge({ id: 'urn:a', type: 'T' }, change({ op: 'delete' }))).toBeNull();
  });
});

describe('Gate', () => {
  it('holds changes back while closed and lets them through in order', () => {
    const seen: number[] = [];
    const gate = new Gate((c) => seen.push(c.seq));
    gate.pass(change({ seq: 1 }));
    gate.close();
    gate.pass(change({ seq: 2 }));
    gate.pass(change({ seq: 3 }));
    expect(seen).toEqual([1]);
    gate.open();
    gate.pass(change({ seq: 4 }));
    expect(seen).toEqual([1, 2, 3, 4]);
  });
});
