// SPDX-License-Identifier: Apache-2.0
// The alarms that are active now, by the device that raised them; kept current by the stream.
import { ref, shallowRef } from 'vue';
import { alarms } from './api';
import { listenForever, throttled } from './live';
import { severities, type Alarm, type Change, type Severity } from './types';

export const activeAlarms = shallowRef<Alarm[]>([]);
export const alarmsLoading = ref(false);
export const alarmsProblem = shallowRef<unknown>(null);

let bySource = new Map<string, Alarm[]>();
const watchers = new Set<(sourceId: string) => void>();

/** The active alarms of a device, the most severe first. */
export function alarmOf(sourceId: string): Alarm[] {
  return bySource.get(sourceId) ?? [];
}

export function onAlarmsChanged(call: (sourceId: string) => void): void {
  watchers.add(call);
}

export const rank = (severity: Severity | null | undefined) => (severity ? severities.length - severities.indexOf(severity) : 0);

function take(list: Alarm[]): void {
  const old = bySource;
  bySource = new Map();
  for (const alarm of list) {
    const id = alarm.source?.id;
    if (!id) continue;
    const same = bySource.get(id);
    if (same) same.push(alarm);
    else bySource.set(id, [alarm]);
  }
  bySource.forEach((same) => same.sort((a, b) => rank(b.severity) - rank(a.severity)));
  activeAlarms.value = list;
  new Set([...old.keys(), ...bySource.keys()]).forEach((id) => watchers.forEach((call) => call(id)));
}

export async function loadAlarms(): Promise<void> {
  alarmsLoading.value = true;
  try {
    const found: Alarm[] = [];
    for (;;) {
      const page = await alarms.list({ status: 'active', sort: '-startedAt', limit: 500, offset: found.length });
      found.push(...page.items);
      if (!page.items.length || found.length >= page.total || found.length >= 5000) break;
    }
    take(found);
    alarmsProblem.value = null;
  } catch (problem) {
    alarmsProblem.value = problem;
  } finally {
    alarmsLoading.value = false;
  }
}

const reload = throttled(() => void loadAlarms(), 1000);
let begun = false;

export async function followAlarms(): Promise<void> {
  if (!begun) {
    begun = true;
    listenForever((change: Change) => {
      if (change.type?.includes('Alarm')) reload();
    }, reload);
  }
  await loadAlarms();
}

export function countBySeverity(list: { severity?: Severity }[]): Record<Severity, number> {
  const counts: Record<Severity, number> = { red: 0, orange: 0, yellow: 0, blue: 0 };
  list.forEach((one) => {
    if (one.severity && one.severity in counts) counts[one.severity]++;
  });
  return counts;
}
