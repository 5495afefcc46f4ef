// SPDX-License-Identifier: Apache-2.0
// The newest cases and their numbers, for the situation page; kept current by the stream.
import { ref, shallowRef } from 'vue';
import { cases } from './api';
import { listenForever, throttled } from './live';
import type { CaseItem, Change } from './types';

export const newestCases = shallowRef<CaseItem[]>([]);
export const casesProblem = shallowRef<unknown>(null);
export const openCases = ref(0);
export const overdueCases = ref(0);

async function load(): Promise<void> {
  try {
    const [newest, open, overdue] = await Promise.all([
      cases.list({ sort: '-openedAt', limit: 30 }),
      cases.list({ open: true, limit: 1 }),
      cases.list({ overdue: true, limit: 1 }),
    ]);
    newestCases.value = newest.items;
    openCases.value = open.total;
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
