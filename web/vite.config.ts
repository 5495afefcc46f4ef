// SPDX-License-Identifier: Apache-2.0
// How the front end is built, and where its calls go while developing.
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

const hub = process.env.HUB ?? 'http://127.0.0.1:8080';
const toHub = { target: hub, changeOrigin: false };

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  build: {
    target: 'chrome90',
    // Nothing inline: the server's content policy allows files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1100,
    rollupOptions: {
      output: {
        manualChunks: {
          vue: ['vue', 'vue-router', 'vue-i18n'],
          maplibre: ['maplibre-gl/dist/maplibre-gl-csp'],
          echarts: ['echarts/core', 'echarts/charts', 'echarts/components', 'echarts/renderers'],
        },
      },
    },
  },
  server: {
    proxy: { '/api': toHub, '/ngsi-ld': toHub, '/log': toHub, '/healthz': toHub },
  },
});
