// SPDX-License-Identifier: Apache-2.0
// Holes in a history are shown as holes; a change of pace is none.
import { describe, expect, it, vi } from 'vitest';

vi.mock('./api', () => ({ history: {} }));
const { withGaps } = await import('./series');

const every = (from: number, step: number, n: number): [number, number][] => Array.from({ length: n }, (_, i) => [from + i * step, i]);
const holes = (points: [number, number][]) => withGaps(points).filter((p) => p[1] === null).length;

describe('withGaps', () => {
  it('sorts, and leaves an even series alone', () => {
    expect(withGaps(every(0, 60_000, 20).reverse())).toEqual(every(0, 60_000, 20));
  });
  it('finds a hole, and keeps a single point beside it', () => {
    expect(holes([...every(0, 60_000, 10), ...every(3_600_000, 60_000, 10)])).toBe(1);
    expect(holes(every(0, 60_000, 1))).toBe(0);
  });
  it('takes a series that becomes denser for whole', () => {
    expect(holes([...every(0, 300_000, 12), ...every(12 * 300_000, 10_000, 400)])).toBe(0);
  });
});
