// SPDX-License-Identifier: Apache-2.0
// Starts the front end.
import { createApp } from 'vue';
import App from './App.vue';
import { router } from './router';
import { i18n } from './texts';
import './styles/tokens.css';
import './styles/base.css';

createApp(App).use(i18n).use(router).mount('#app');
