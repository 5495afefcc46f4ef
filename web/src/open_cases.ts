// SPDX-License-Identifier: Apache-2.0
// The newest cases and their numbers, for the situation page; kept current by the stream.
import { computed, shallowRef } from 'vue';
import { cases } from './api';
import { listenForever, throttled } from './live';
import { workflowStates, model } from './model';
import type { CaseItem, Change } from './types';

export const newestCases = shallowRef<CaseItem[]>([]);
export const casesProblem = shallowRef<unknown>(null);
const states = shallowRef<Record<string, number>>({});
export const overdueCases = shallowRef(0);

const finalStates = computed(() => new Set(Object.keys(model.value?.workflows ?? {})
  .flatMap((w) => workflowStates(w).filter((s) => s.final).map((s) => s.name))));
export const openCases = computed(() => Object.entries(states.value)
  .reduce((n, [state, count]) => (finalStates.value.has(state) ? n : n + count), 0));

async function load(): Promise<void> {
  try {
    const [newest, overdue] = await Promise.all([
      cases.list({ sort: '-openedAt', limit: 30 }),
      cases.list({ overdue: true, limit: 1 }),
    ]);
    newestCases.value = newest.items;
    states.value = newest.states ?? {};
    overdueCases.value = overdue.total;
    casesProblem.value = null;
  } catch (problem) {
    casesProblem.value = problem;
  }
}

const reload = throttled(() => void load(), 1500);
let begun = false;

export async function followCases(): Promise<void> {
  if (!begun) {
    begun = true;
    listenForever((change: Change) => {
      if (change.type?.includes('Case')) reload();
    }, reload);
    setInterval(reload, 60_000);
  }
  await load();
}
