// SPDX-License-Identifier: Apache-2.0
// Starts the front end.
import { createApp } from 'vue';
import App from './App.vue';
import { router } from './router';
import { i18n } from './texts';
import './styles/tokens.css';
import './styles/base.css';

// A newer version was put in place while this page was open: its parts have other names now.
addEventListener('vite:preloadError', () => location.reload());

createApp(App).use(i18n).use(router).mount('#app');
