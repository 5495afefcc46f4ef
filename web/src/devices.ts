// SPDX-License-Identifier: Apache-2.0
// All devices of the map's layers, kept current by the stream, with what is shown of each.
import { ref, shallowRef } from 'vue';
import { entities } from './api';
import { listenForever, throttled } from './live';
import { Gate, merge } from './live_merge';
import { layerTypes, levelOf, model, nameOf, ruleOf, typeModel, typeOf } from './model';
import { alarmOf, onAlarmsChanged } from './active_alarms';
import type { Change, Entity, Level, Severity } from './types';

export interface Device {
  entity: Entity;
  type: string;
  name: string;
  value: unknown;
  level: Level | undefined;
  severity: Severity | null;
  silent: boolean;
}

export const devices = shallowRef<ReadonlyMap<string, Device>>(new Map());
export const devicesLoading = ref(false);
export const devicesProblem = shallowRef<unknown>(null);

const entitiesById = new Map<string, Entity>();
const shown = new Map<string, Device>();
const pageSize = 1000;
const day = 86_400_000;

const spans: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: day };

export function milliseconds(span: string | number | undefined): number | undefined {
  if (typeof span === 'number') return span * 1000;
  const found = span?.match(/^(\d+)([smhd])$/);
  return found ? Number(found[1]) * spans[found[2]] : undefined;
}

/** After how long without a word a device of a type counts as silent: its absence rule's span, else a day. */
function patience(type: string): number {
  const rule = model.value?.rules.find((r) => r.kind === 'absence' && r.type === type);
  return milliseconds(rule?.for) ?? day;
}

/** Only what measures can fall silent. */
function isSilent(entity: Entity, type: string, now: number): boolean {
  if (!typeModel(type)?.primary) return false;
  if (alarmOf(entity.id).some((a) => ruleOf(a.rule)?.kind === 'absence')) return true;
  return entity.modifiedAt ? now - Date.parse(entity.modifiedAt) > patience(type) : false;
}

export function deviceOf(entity: Entity, now = Date.now()): Device {
  const type = typeOf(entity);
  const known = typeModel(type);
  const value = known?.primary ? entity[known.primary] : undefined;
  return {
    entity, type, value,
    name: nameOf(entity),
    level: levelOf(known?.levels, value),
    severity: alarmOf(entity.id)[0]?.severity ?? null,
    silent: isSilent(entity, type, now),
  };
}

const publish = throttled(() => {
  devices.value = new Map(shown);
}, 500);

function redraw(id: string): void {
  const entity = entitiesById.get(id);
  if (entity) shown.set(id, deviceOf(entity));
  else shown.delete(id);
  publish();
}

function apply(change: Change): void {
  const layers = layerTypes();
  const known = entitiesById.get(change.id);
  if (!known && !change.type?.some((t) => layers.includes(t))) return;
  const next = merge(known, change);
  if (next) entitiesById.set(change.id, next);
  else entitiesById.delete(change.id);
  redraw(change.id);
}

const gate = new Gate(apply);
let begun = false;

/** Fetches all devices; the first call also begins to follow the stream. */
export async function loadDevices(): Promise<void> {
  if (!begun) {
    begun = true;
    listenForever((change) => gate.pass(change), () => void loadDevices());
    onAlarmsChanged((id) => {
      if (entitiesById.has(id)) redraw(id);
    });
    setInterval(refreshAll, 60_000);
  }
  devicesLoading.value = true;
  devicesProblem.value = null;
  gate.close();
  try {
    const found: Entity[] = [];
    const type = layerTypes().join(',');
    while (type) {
      const page = await entities.list({ type, limit: pageSize, offset: found.length });
      found.push(...page.items);
      if (!page.items.length || found.length >= page.total) break;
    }
    entitiesById.clear();
    found.forEach((entity) => entitiesById.set(entity.id, entity));
    refreshAll();
  } catch (problem) {
    devicesProblem.value = problem;
  } finally {
    devicesLoading.value = false;
    gate.open();
  }
}

/** Silence comes with time alone, so that everything is looked at again once a minute. */
function refreshAll(): void {
  shown.clear();
  entitiesById.forEach((entity, id) => shown.set(id, deviceOf(entity)));
  devices.value = new Map(shown);
}

export function forgetDevices(): void {
  entitiesById.clear();
  refreshAll();
}
