// SPDX-License-Identifier: Apache-2.0
// Holds the one stream of all pages of this browser: a browser opens only six connections to a server, and each stream
// would keep one of them.
import { Stream } from './stream';

export type Asked = 'open' | 'close' | 'bye';

const ports = new Set<MessagePort>();
const stream = new Stream((told) => ports.forEach((port) => port.postMessage(told)));

function asked(port: MessagePort, what: Asked): void {
  if (what === 'open') {
    ports.add(port);
    port.postMessage({ kind: 'state', state: stream.state });
    if (stream.state === 'live') port.postMessage({ kind: 'hello' });
    stream.open();
    return;
  }
  if (what === 'bye') ports.delete(port);
  if (what === 'close' || !ports.size) stream.close();
}

(self as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = (event) => {
  const port = event.ports[0];
  port.onmessage = (message: MessageEvent<Asked>) => asked(port, message.data);
};
