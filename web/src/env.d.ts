// SPDX-License-Identifier: Apache-2.0
// Types of imports that TypeScript does not know by itself.
declare module 'maplibre-gl/dist/maplibre-gl-csp' {
  export * from 'maplibre-gl';
}
