// SPDX-License-Identifier: Apache-2.0
// One connection to the server's stream that resumes where it stopped; runs in a page or in the worker that pages share.

export type LiveState = 'off' | 'connecting' | 'live' | 'broken';
export type Told =
  | { kind: 'state'; state: LiveState }
  | { kind: 'hello' }
  | { kind: 'reset' }
  | { kind: 'change'; data: string };

const address = '/api/v1/stream';
const longestWait = 30_000;

export class Stream {
  state: LiveState = 'off';
  private source: EventSource | null = null;
  private last = '';
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly tell: (told: Told) => void) {}

  open(): void {
    if (this.source) return;
    clearTimeout(this.timer);
    this.become('connecting');
    this.source = new EventSource(this.last ? `${address}?after=${encodeURIComponent(this.last)}` : address);
    this.source.onopen = () => this.become('live');
    this.source.onerror = () => this.failed();
    this.source.addEventListener('hello', (e) => this.heard(e as MessageEvent, { kind: 'hello' }));
    this.source.addEventListener('reset', (e) => this.heard(e as MessageEvent, { kind: 'reset' }));
    this.source.addEventListener('change', (e) => this.heard(e as MessageEvent, { kind: 'change', data: (e as MessageEvent<string>).data }));
  }

  close(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.last = '';
    this.failures = 0;
    this.become('off');
  }

  private become(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    this.tell({ kind: 'state', state });
  }

  private heard(event: MessageEvent, told: Told): void {
    if (event.lastEventId) this.last = event.lastEventId;
    this.failures = 0;
    this.become('live');
    this.tell(told);
  }

  /** The browser reconnects by itself after a broken connection, but gives up on a refusal: then we do. */
  private failed(): void {
    this.become('broken');
    if (this.source?.readyState !== EventSource.CLOSED) return;
    this.source.close();
    this.source = null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), Math.min(longestWait, 1000 * 2 ** this.failures++));
  }
}
