// SPDX-License-Identifier: Apache-2.0
// Short messages about what was just done.
import { ref } from 'vue';

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

export const toasts = ref<Toast[]>([]);
let count = 0;

export function tell(text: string, bad = false): void {
  const id = ++count;
  toasts.value = [...toasts.value, { id, text, bad }];
  setTimeout(() => {
    toasts.value = toasts.value.filter((one) => one.id !== id);
  }, bad ? 9000 : 4500);
}

export const tellProblem = (problem: unknown) => tell(problem instanceof Error ? problem.message : String(problem), true);
