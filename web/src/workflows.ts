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

/** The fewest actions from the start to each state: the state before, for walking back. */
function ways(w: Workflow): Map<string, string | null> {
  const before = new Map<string, string | null>([[w.start, null]]);
  for (const state of before.keys()) {
    for (const action of w.actions) {
      if (action.to && action.from.includes(state) && !before.has(action.to)) before.set(action.to, state);
    }
  }
  return before;
}

/** The main way of a workflow: of the ways that end, each as short as can be, the one with the most steps. */
export function mainWay(w: Workflow): string[] {
  const before = ways(w);
  const back = (state: string | null): string[] => (state === null ? [] : [...back(before.get(state) ?? null), state]);
  return w.states
    .filter((s) => s.kind === 'closed' && before.has(s.name))
    .map((s) => back(s.name))
    .reduce((longest, way) => (way.length > longest.length ? way : longest), []);
}

export function stepsOf(workflow: string): string[] {
  if (!asked) {
    asked = true;
    void load();
  }
  const found = known.value[workflow];
  return found ? mainWay(found) : [];
}
