// SPDX-License-Identifier: Apache-2.0
// The one live connection to the server: resumes after a break where it stopped, and says how it is.
import { onScopeDispose, ref } from 'vue';
import { address } from './api';
import type { Change } from './types';

export type LiveState = 'off' | 'connecting' | 'live' | 'broken';
export const liveState = ref<LiveState>('off');

const listeners = new Set<(change: Change) => void>();
const reloaders = new Set<() => void>();
let source: EventSource | null = null;
let last = '';
let retry = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function heard(event: MessageEvent): void {
  if (event.lastEventId) last = event.lastEventId;
  liveState.value = 'live';
  retry = 0;
}

function changed(event: MessageEvent): void {
  heard(event);
  let change: Change;
  try {
    change = JSON.parse(event.data as string) as Change;
  } catch {
    return;
  }
  listeners.forEach((listen) => listen(change));
}

function reset(event: MessageEvent): void {
  heard(event);
  reloaders.forEach((reload) => reload());
}

/** The browser reconnects by itself after a broken connection, but gives up on a refusal: then we do. */
function failed(): void {
  liveState.value = 'broken';
  if (source?.readyState !== EventSource.CLOSED) return;
  source.close();
  source = null;
  clearTimeout(timer);
  timer = setTimeout(connect, Math.min(30_000, 1000 * 2 ** retry++));
}

export function connect(): void {
  if (source) return;
  clearTimeout(timer);
  liveState.value = 'connecting';
  source = new EventSource(address('/api/v1/stream', { after: last }));
  source.onopen = () => {
    liveState.value = 'live';
  };
  source.addEventListener('hello', heard as EventListener);
  source.addEventListener('change', changed as EventListener);
  source.addEventListener('reset', reset as EventListener);
  source.onerror = failed;
}

export function disconnect(): void {
  clearTimeout(timer);
  source?.close();
  source = null;
  last = '';
  retry = 0;
  liveState.value = 'off';
}

/** Hears every change while the component lives. */
export function useChanges(listen: (change: Change) => void): void {
  listeners.add(listen);
  onScopeDispose(() => listeners.delete(listen));
}

/** Is called when changes were missed and everything shown must be fetched anew. */
export function useReset(reload: () => void): void {
  reloaders.add(reload);
  onScopeDispose(() => reloaders.delete(reload));
}

/** For stores that live as long as the page. */
export function listenForever(listen: (change: Change) => void, reload: () => void): void {
  listeners.add(listen);
  reloaders.add(reload);
}

/** Runs at once, then at most once every pause, however often it is called. */
export function throttled(run: () => void, pause: number): () => void {
  let due = 0;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  return () => {
    if (waiting) return;
    const wait = Math.max(0, due - Date.now());
    waiting = setTimeout(() => {
      waiting = undefined;
      due = Date.now() + pause;
      run();
    }, wait);
  };
}
