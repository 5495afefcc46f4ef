// SPDX-License-Identifier: Apache-2.0
// A list of the server whose filters, order and page stand in the address, and which changes by itself.
import { computed, onScopeDispose, ref, shallowRef, watch, type Ref, type WritableComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { throttled, useChanges, useReset } from './live';
import type { Change, Page } from './types';

export interface ListOptions<T> {
  filters: string[];
  sort?: string;
  limit?: number;
  load: (query: Record<string, string | number>, signal: AbortSignal) => Promise<Page<T>>;
  /** Which changes of the stream make the list worth reading again. */
  changedBy?: (change: Change) => boolean;
}

export interface List<T> {
  rows: Ref<T[]>;
  total: Ref<number>;
  states: Ref<Record<string, number>>;
  loading: Ref<boolean>;
  loaded: Ref<boolean>;
  problem: Ref<unknown>;
  limit: number;
  offset: WritableComputedRef<number>;
  sort: WritableComputedRef<string>;
  filters: Record<string, WritableComputedRef<string>>;
  filtered: Ref<boolean>;
  query: Ref<Record<string, string>>;
  clear: () => void;
  reload: () => Promise<void>;
}

export function useList<T>(options: ListOptions<T>): List<T> {
  const route = useRoute();
  const router = useRouter();
  const path = route.path;
  const limit = options.limit ?? 50;
  const rows = shallowRef<T[]>([]) as Ref<T[]>;
  const total = ref(0);
  const states = ref<Record<string, number>>({});
  const loading = ref(false);
  const loaded = ref(false);
  const problem = shallowRef<unknown>(null);

  const put = (changes: Record<string, string>) => {
    const query = { ...route.query, ...changes };
    for (const [name, value] of Object.entries(query)) if (value === '') delete query[name];
    void router.replace({ path, query });
  };
  const text = (name: string, otherwise = '') => String(route.query[name] ?? otherwise);
  const one = (name: string) => computed({ get: () => text(name), set: (value: string) => put({ [name]: value, offset: '' }) });

  const filters = Object.fromEntries(options.filters.map((name) => [name, one(name)]));
  const sort = computed({
    get: () => text('sort', options.sort),
    set: (value: string) => put({ sort: value === options.sort ? '' : value, offset: '' }),
  });
  const offset = computed({ get: () => Number(text('offset', '0')) || 0, set: (value: number) => put({ offset: value ? String(value) : '' }) });
  const query = computed(() => {
    const made: Record<string, string> = {};
    for (const name of options.filters) if (text(name)) made[name] = text(name);
    if (sort.value) made.sort = sort.value;
    return made;
  });
  const filtered = computed(() => options.filters.some((name) => text(name)));
  const clear = () => put(Object.fromEntries([...options.filters, 'offset'].map((name) => [name, ''])));

  let running: AbortController | null = null;
  async function reload(): Promise<void> {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    loading.value = true;
    try {
      const page = await options.load({ ...query.value, limit, offset: offset.value }, mine.signal);
      rows.value = page.items;
      total.value = page.total;
      states.value = page.states ?? {};
      problem.value = null;
      loaded.value = true;
    } catch (reason) {
      if (!mine.signal.aborted) problem.value = reason;
    } finally {
      if (running === mine) loading.value = false;
    }
  }

  const soon = throttled(() => void reload(), 1500);
  if (options.changedBy) {
    useChanges((change) => {
      if (options.changedBy!(change)) soon();
    });
  }
  useReset(soon);
  watch([query, offset], () => {
    if (route.path === path) void reload();
  }, { immediate: true });
  onScopeDispose(() => running?.abort());
  return { rows, total, states, loading, loaded, problem, limit, offset, sort, filters, filtered, query, clear, reload };
}
