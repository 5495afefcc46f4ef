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

const around = 4;

/** Sorted, with a hole wherever two points are much further apart than those around them. */
export function withGaps(points: [at: number, value: number][]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0]);
  const apart = sorted.slice(1).map((p, i) => p[0] - sorted[i][0]);
  const usual = (i: number) => {
    const near = apart.slice(Math.max(0, i - around), i + around + 1).sort((a, b) => a - b);
    return near[Math.floor(near.length / 2)];
  };
  return sorted.flatMap((p, i): Point[] => (apart[i] > Math.max(3.5 * usual(i), 1000) ? [p, [p[0] + usual(i), null]] : [p]));
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
