// SPDX-License-Identifier: Apache-2.0
// Devices as features of the map, and the difference between what is drawn and what should be.
import type { GeoJSONSourceDiff } from 'maplibre-gl';
import { rank } from '@/active_alarms';
import type { Device } from '@/devices';
import { typeModel, withUnit } from '@/model';

export const silentColour = '#7c8798';

export interface Drawn {
  id: string;
  geometry: GeoJSON.Geometry;
  properties: { id: string; colour: string; rank: number; shown: string; silent: boolean };
  signature: string;
}

export function colourOf(device: Device): string {
  if (device.silent) return silentColour;
  return device.level?.colour ?? typeModel(device.type)?.colour ?? '#5b8def';
}

export function drawn(device: Device): Drawn | null {
  const geometry = device.entity.location as GeoJSON.Geometry | undefined;
  if (!geometry?.type) return null;
  const primary = typeModel(device.type)?.primary;
  const shown = primary && device.value !== undefined ? withUnit(device.type, primary, device.value) : '';
  const properties = { id: device.entity.id, colour: colourOf(device), rank: rank(device.severity), shown, silent: device.silent };
  return { id: device.entity.id, geometry, properties, signature: JSON.stringify([properties, geometry]) };
}

const feature = (d: Drawn): GeoJSON.Feature => ({ type: 'Feature', geometry: d.geometry, properties: d.properties });

export function collection(all: Iterable<Drawn>): GeoJSON.FeatureCollection {
  return { type: 'FeatureCollection', features: [...all].map(feature) };
}

/** What to tell the source so that it shows now instead of before; null when nothing changed. */
export function difference(before: ReadonlyMap<string, Drawn>, now: ReadonlyMap<string, Drawn>): GeoJSONSourceDiff | null {
  const remove = [...before.keys()].filter((id) => !now.has(id));
  const add = [...now.values()].filter((d) => before.get(d.id)?.signature !== d.signature).map(feature);
  return remove.length || add.length ? { remove, add } : null;
}
