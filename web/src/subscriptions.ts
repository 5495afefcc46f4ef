// SPDX-License-Identifier: Apache-2.0
// Pausing and resuming subscriptions.
import { subscriptions } from './api';
import { t } from './texts';
import { tell, tellProblem } from './toasts';
import type { Subscription } from './types';

/** Does it send, or would it if it could? */
export const isOn = (s: Subscription) => s.state === 'active' || s.state === 'delivering' || s.state === 'failing';
/** Can somebody pause or resume it? An expired one needs another end first. */
export const canTurn = (s: Subscription) => s.state !== 'expired';
export const isStream = (s: Subscription) => s.endpoint === 'sse:' || s.endpoint === 'urn:zhongshu:sse';

/** True when it worked; says how it went either way. */
export async function activate(s: Subscription, on: boolean): Promise<boolean> {
  try {
    await subscriptions.activate(s.id, on);
    tell(t(on ? 'subscriptions.resumed' : 'subscriptions.paused', { name: s.name }));
    return true;
  } catch (reason) {
    tellProblem(reason);
    return false;
  }
}
