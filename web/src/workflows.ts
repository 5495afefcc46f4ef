// SPDX-License-Identifier: Apache-2.0
// The workflows as the server has them, and the main way through each.
import { ref, watch } from 'vue';
import { workflows as call } from './api';
import { model } from './model';

export interface Workflow {
  name: string;
  start: string;
  states: { name: string; kind: string }[];
  actions: { name: string; from: string[]; to?: string | null }[];
}

const known = ref<Record<string, Workflow>>({});
let asked = false;

async function load(): Promise<void> {
  const found = await call().catch(() => ({ items: [] }));
  known.value = Object.fromEntries(found.items.map((w) => [w.name, w]));
}
watch(model, () => {
  if (asked) void load();
});

/** The main way of a workflow: the longest that goes forward in the order in which the pack lists the states, to an end.
 * Paused states are beside the way. */
export function mainWay(w: Workflow): string[] {
  const place = new Map(w.states.filter((s) => s.kind !== 'paused').map((s, i) => [s.name, i]));
  const longest = new Map<string, string[]>();
  const wayFrom = (state: string): string[] => {
    const found = longest.get(state);
    if (found) return found;
    const next = w.actions
      .filter((a) => a.to && a.from.includes(state) && (place.get(a.to) ?? -1) > place.get(state)!)
      .map((a) => wayFrom(a.to!))
      .filter((way) => way.length);
    const ends = w.states.find((s) => s.name === state)?.kind === 'closed';
    const best = next.reduce<string[]>((most, way) => (way.length > most.length ? way : most), []);
    const way = best.length || ends ? [state, ...best] : [];
    longest.set(state, way);
    return way;
  };
  return place.has(w.start) ? wayFrom(w.start) : [];
}

export function stepsOf(workflow: string): string[] {
  if (!asked) {
    asked = true;
    void load();
  }
  const found = known.value[workflow];
  return found ? mainWay(found) : [];
}
