// SPDX-License-Identifier: Apache-2.0
// History as a chart needs it: how finely to ask, and where the gaps are.
import { history } from './api';

export type Point = [at: number, value: number | null];
export interface Series {
  line: Point[];
  low: Point[];
  high: Point[];
  /** Milliseconds of one averaged point; 0 = as observed. */
  period: number;
}

const hour = 3_600_000;
const steps: [span: number, period: string, milliseconds: number][] = [
  [6.5 * hour, '', 0],
  [25 * hour, 'PT5M', 300_000],
  [8 * 24 * hour, 'PT30M', 1_800_000],
  [32 * 24 * hour, 'PT2H', 2 * hour],
  [Infinity, 'P1D', 24 * hour],
];

/** Sorted, numbers only, with a hole wherever points are much further apart than usual. */
export function withGaps(points: [at: number, value: number][]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0]);
  if (sorted.length < 3) return sorted;
  const apart = sorted.slice(1).map((p, i) => p[0] - sorted[i][0]).sort((a, b) => a - b);
  const usual = apart[Math.floor(apart.length / 2)];
  return sorted.flatMap((p, i): Point[] => {
    const next = sorted[i + 1];
    return next && next[0] - p[0] > Math.max(3.5 * usual, 1000) ? [p, [p[0] + usual, null]] : [p];
  });
}

const numbers = (found: [unknown, string][]) => found
  .filter((p) => typeof p[0] === 'number')
  .map(([value, at]): [number, number] => [Date.parse(at), value as number]);

export async function readSeries(id: string, attribute: string, from: number, to: number): Promise<Series> {
  const [, period, milliseconds] = steps.find(([span]) => to - from <= span)!;
  const start = new Date(from).toISOString();
  const end = new Date(to).toISOString();
  if (!period) return { line: withGaps(numbers(await history.values(id, attribute, start, end))), low: [], high: [], period: 0 };
  const found = await history.aggregated(id, attribute, start, end, period);
  return { line: withGaps(numbers(found.avg)), low: withGaps(numbers(found.min)), high: withGaps(numbers(found.max)), period: milliseconds };
}
