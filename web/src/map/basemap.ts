// SPDX-License-Identifier: Apache-2.0
// The offline base map: areas to fill, and one point for each name.

export interface BaseMap {
  areas: GeoJSON.FeatureCollection;
  names: GeoJSON.FeatureCollection;
  /** west, south, east, north of the district's land */
  bounds: [number, number, number, number] | null;
  note: string;
}

type Ring = [number, number][];

function* positions(geometry: GeoJSON.Geometry): Generator<[number, number]> {
  const rings = geometry.type === 'Polygon' ? geometry.coordinates : geometry.type === 'MultiPolygon' ? geometry.coordinates.flat() : [];
  for (const ring of rings as Ring[]) yield* ring;
}

export function boundsOf(features: GeoJSON.Feature[]): BaseMap['bounds'] {
  let box: BaseMap['bounds'] = null;
  for (const feature of features) {
    for (const [lon, lat] of positions(feature.geometry)) {
      box = box ? [Math.min(box[0], lon), Math.min(box[1], lat), Math.max(box[2], lon), Math.max(box[3], lat)] : [lon, lat, lon, lat];
    }
  }
  return box;
}

/** Where a name stands: as told, else the middle of the outline's points. */
function labelPoint(feature: GeoJSON.Feature): [number, number] | null {
  const told = feature.properties?.label as [number, number] | undefined;
  if (told) return told;
  const all = [...positions(feature.geometry)];
  if (!all.length) return null;
  return [all.reduce((n, p) => n + p[0], 0) / all.length, all.reduce((n, p) => n + p[1], 0) / all.length];
}

let loading: Promise<BaseMap | null> | null = null;

async function fetchBaseMap(): Promise<BaseMap | null> {
  try {
    const response = await fetch('/basemap.json');
    if (!response.ok) return null;
    const areas = (await response.json()) as GeoJSON.FeatureCollection & { synthetic?: string };
    const named = areas.features.filter((f) => f.properties?.name && f.properties.kind !== 'land');
    const names = named.flatMap((f): GeoJSON.Feature[] => {
      const at = labelPoint(f);
      return at ? [{ type: 'Feature', properties: f.properties, geometry: { type: 'Point', coordinates: at } }] : [];
    });
    const land = areas.features.filter((f) => f.properties?.kind === 'land');
    return {
      areas,
      names: { type: 'FeatureCollection', features: names },
      bounds: boundsOf(land.length ? land : areas.features),
      note: areas.synthetic ?? '',
    };
  } catch {
    return null;
  }
}

/** Fetched once; null when there is none. */
export function baseMap(): Promise<BaseMap | null> {
  loading ??= fetchBaseMap();
  return loading;
}
