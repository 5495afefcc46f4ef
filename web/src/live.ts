// SPDX-License-Identifier: Apache-2.0
// What the stream of changes tells, for the parts of this page: one connection, shared with the browser's other pages.
import { onScopeDispose, ref } from 'vue';
import { Stream, type LiveState, type Told } from './stream';
import type { Asked } from './stream_worker';
import StreamWorker from './stream_worker?sharedworker';
import type { Change } from './types';

export const liveState = ref<LiveState>('off');

const listeners = new Set<(change: Change) => void>();
const reloaders = new Set<() => void>();
const patience = 1500;
let greeted: (() => void) | null = null;
/** The page was shown before the stream stood: what changed in between is unknown. */
let late = false;

function told(what: Told): void {
  if (what.kind === 'state') liveState.value = what.state;
  else if (what.kind === 'reset') reloaders.forEach((reload) => reload());
  else if (what.kind === 'hello') hello();
  else changed(what.data);
}

function hello(): void {
  greeted?.();
  greeted = null;
  if (late) reloaders.forEach((reload) => reload());
  late = false;
}

function changed(data: string): void {
  let change: Change;
  try {
    change = JSON.parse(data) as Change;
  } catch {
    return;
  }
  listeners.forEach((listen) => listen(change));
}

function throughWorker(): (what: Asked) => void {
  const { port } = new StreamWorker({ name: 'stream' });
  port.onmessage = (event: MessageEvent<Told>) => told(event.data);
  const ask = (what: Asked) => port.postMessage(what);
  addEventListener('pagehide', () => ask('bye'));
  addEventListener('pageshow', (event) => {
    if (!event.persisted || liveState.value === 'off') return;
    late = true;
    ask('open');
  });
  return ask;
}

function ownStream(): (what: Asked) => void {
  const stream = new Stream(told);
  return (what) => (what === 'open' ? stream.open() : stream.close());
}

let ask: ((what: Asked) => void) | null = null;

function start(): (what: Asked) => void {
  try {
    return typeof SharedWorker === 'undefined' ? ownStream() : throughWorker();
  } catch {
    return ownStream();
  }
}

/** Opens the stream; resolves when it stands, so that what is fetched afterwards misses nothing, or when that takes long. */
export async function connect(): Promise<void> {
  if (liveState.value !== 'off') return;
  ask ??= start();
  liveState.value = 'connecting';
  const standing = new Promise<void>((resolve) => {
    greeted = resolve;
  });
  ask('open');
  const timeout = new Promise<void>((resolve) => {
    setTimeout(() => {
      late = greeted !== null;
      resolve();
    }, patience);
  });
  await Promise.race([standing, timeout]);
}

export function disconnect(): void {
  ask?.('close');
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
