// SPDX-License-Identifier: Apache-2.0
// How the map is drawn: the base map's areas and the devices over it, in the colours of the theme.
import type { ExpressionSpecification, GeoJSONSourceSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl';

export interface MapColours {
  ground: string; land: string; river: string; riverText: string; street: string; community: string;
  text: string; halo: string; rim: string; accent: string;
  red: string; orange: string; yellow: string; blue: string; panel: string;
}

export function coloursOfTheme(): MapColours {
  const css = getComputedStyle(document.documentElement);
  const colour = (name: string) => css.getPropertyValue(`--${name}`).trim();
  return {
    ground: colour('map-ground'), land: colour('map-land'), river: colour('map-river'), riverText: colour('map-river-text'),
    street: colour('map-street'), community: colour('map-community'), text: colour('map-text'), halo: colour('map-halo'), rim: colour('map-rim'),
    accent: colour('accent'), red: colour('red'), orange: colour('orange'), yellow: colour('yellow'), blue: colour('blue'), panel: colour('panel'),
  };
}

export const empty: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features: [] };

const fonts = ['PingFang SC', 'Noto Sans CJK SC', 'Microsoft YaHei', 'sans-serif'];

function byZoom(scale: number, ...stops: [zoom: number, size: number][]): ExpressionSpecification {
  return ['interpolate', ['linear'], ['zoom'], ...stops.flatMap(([zoom, size]) => [zoom, size * scale])] as ExpressionSpecification;
}

const kind = (name: string): ExpressionSpecification => ['==', ['get', 'kind'], name];

function baseLayers(c: MapColours, scale: number): LayerSpecification[] {
  return [
    { id: 'ground', type: 'background', paint: { 'background-color': c.ground } },
    { id: 'land', type: 'fill', source: 'base', filter: kind('land'), paint: { 'fill-color': c.land } },
    { id: 'river', type: 'fill', source: 'base', filter: kind('river'), paint: { 'fill-color': c.river } },
    { id: 'community', type: 'line', source: 'base', minzoom: 13.3, filter: kind('community'), paint: { 'line-color': c.community, 'line-width': 0.8 * scale } },
    { id: 'street', type: 'line', source: 'base', filter: kind('street'), paint: { 'line-color': c.street, 'line-width': 1.1 * scale, 'line-dasharray': [4, 2] } },
  ];
}

/** Names stand over single devices, so that they can be read in a crowd, but under clusters with their counts. */
function nameLayers(c: MapColours, scale: number, english: boolean): LayerSpecification[] {
  const name: ExpressionSpecification = english ? ['coalesce', ['get', 'name_en'], ['get', 'name']] : ['get', 'name'];
  return [
    {
      id: 'community-name', type: 'symbol', source: 'names', minzoom: 14.6, filter: kind('community'),
      layout: { 'text-field': name, 'text-font': fonts, 'text-size': 11 * scale, 'text-max-width': 8 },
      paint: { 'text-color': c.text, 'text-opacity': 0.75, 'text-halo-color': c.halo, 'text-halo-width': 1.2 * scale },
    },
    {
      id: 'street-name', type: 'symbol', source: 'names', maxzoom: 15.5, filter: kind('street'),
      layout: { 'text-field': name, 'text-font': fonts, 'text-size': 13 * scale, 'text-max-width': 9 },
      paint: { 'text-color': c.text, 'text-halo-color': c.halo, 'text-halo-width': 1.5 * scale },
    },
    {
      id: 'river-name', type: 'symbol', source: 'names', filter: kind('river'),
      layout: { 'text-field': name, 'text-font': fonts, 'text-size': 13 * scale, 'text-letter-spacing': 0.4, 'text-max-width': 20 },
      paint: { 'text-color': c.riverText, 'text-halo-color': c.river, 'text-halo-width': scale },
    },
  ];
}

/** Severity as a number (4 red … 1 blue, 0 none) → its colour. */
const ringColour = (c: MapColours, property: string, otherwise = c.rim): ExpressionSpecification =>
  ['match', ['get', property], 4, c.red, 3, c.orange, 2, c.yellow, 1, c.blue, otherwise];

function deviceLayers(c: MapColours, scale: number): LayerSpecification[] {
  const radius = byZoom(scale, [11, 1.5], [12, 2.9], [13, 4.4], [14, 5.6], [16, 9]);
  const ring = byZoom(scale, [11, 3], [12, 5.4], [13, 7.6], [14, 9.2], [16, 13]);
  const alone: ExpressionSpecification = ['!', ['has', 'point_count']];
  return [
    {
      id: 'lines', type: 'line', source: 'lines', minzoom: 12.5, layout: { 'line-cap': 'round' },
      paint: { 'line-color': ['get', 'colour'], 'line-opacity': 0.7, 'line-width': byZoom(scale, [12.5, 0.8], [14, 1.6], [16, 3]) },
    },
    {
      id: 'clusters', type: 'circle', source: 'devices', filter: ['has', 'point_count'],
      paint: {
        'circle-color': c.panel, 'circle-opacity': 0.92, 'circle-stroke-color': ringColour(c, 'worst', c.street), 'circle-stroke-width': 2.5 * scale,
        'circle-radius': ['step', ['get', 'point_count'], 12 * scale, 20, 15 * scale, 100, 19 * scale],
      },
    },
    {
      id: 'cluster-count', type: 'symbol', source: 'devices', filter: ['has', 'point_count'],
      layout: { 'text-field': ['get', 'point_count_abbreviated'], 'text-font': fonts, 'text-size': 11 * scale, 'text-allow-overlap': true },
      paint: { 'text-color': c.text },
    },
    {
      id: 'rings', type: 'circle', source: 'devices', filter: ['all', alone, ['>', ['get', 'rank'], 0]],
      paint: {
        'circle-radius': ring, 'circle-color': ringColour(c, 'rank'), 'circle-opacity': 0.22,
        'circle-stroke-color': ringColour(c, 'rank'), 'circle-stroke-width': byZoom(scale, [11, 1.2], [13, 2]),
      },
    },
    {
      id: 'devices', type: 'circle', source: 'devices', filter: alone, layout: { 'circle-sort-key': ['get', 'rank'] },
      paint: { 'circle-radius': radius, 'circle-color': ['get', 'colour'], 'circle-stroke-color': c.rim, 'circle-stroke-width': byZoom(scale, [11, 0.4], [13, 0.9]) },
    },
    {
      id: 'chosen', type: 'circle', source: 'devices', filter: ['==', ['get', 'id'], ''],
      paint: { 'circle-radius': byZoom(scale, [11, 9], [16, 18]), 'circle-opacity': 0, 'circle-stroke-color': c.accent, 'circle-stroke-width': 2.5 * scale },
    },
    {
      id: 'values', type: 'symbol', source: 'devices', minzoom: 15, filter: alone,
      layout: { 'text-field': ['get', 'shown'], 'text-font': fonts, 'text-size': 11.5 * scale, 'text-offset': [0, 1.4], 'text-anchor': 'top', 'text-optional': true },
      paint: { 'text-color': c.text, 'text-halo-color': c.halo, 'text-halo-width': 1.4 * scale },
    },
  ];
}

export function buildStyle(c: MapColours, scale: number, english: boolean, cluster: boolean): StyleSpecification {
  const devices: GeoJSONSourceSpecification = {
    type: 'geojson', data: empty, promoteId: 'id', cluster, clusterRadius: 36 * scale, clusterMaxZoom: 13,
    ...(cluster ? { clusterProperties: { worst: ['max', ['get', 'rank']] } } : {}),
  };
  const names = nameLayers(c, scale, english);
  const devicesOver = deviceLayers(c, scale);
  return {
    version: 8,
    sources: {
      base: { type: 'geojson', data: empty },
      names: { type: 'geojson', data: empty },
      lines: { type: 'geojson', data: empty, promoteId: 'id' },
      devices,
    },
    layers: [...baseLayers(c, scale), ...(cluster ? [...names, ...devicesOver] : [...devicesOver, ...names])],
  };
}
