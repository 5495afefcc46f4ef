// SPDX-License-Identifier: Apache-2.0
// Who is signed in.
import { computed, ref } from 'vue';
import { session as calls, Problem } from './api';
import type { User } from './types';

export const user = ref<User | null>(null);

/** Asks the server once; true when somebody is signed in. */
export async function restoreSession(): Promise<boolean> {
  try {
    user.value = (await calls.read()).user;
    return true;
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) user.value = null;
    else throw problem;
    return false;
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  user.value = (await calls.open(name, password)).user;
}

export async function signOut(): Promise<void> {
  try {
    await calls.close();
  } finally {
    user.value = null;
  }
}

const isAdmin = computed(() => user.value?.roles?.includes('admin') ?? false);

export function may(permission: string): boolean {
  const granted = user.value?.permissions ?? [];
  return isAdmin.value || granted.includes(permission) || granted.includes('*');
}
