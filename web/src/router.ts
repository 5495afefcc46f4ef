// SPDX-License-Identifier: Apache-2.0
// Every page and its address; who is not signed in goes to the sign-in page first.
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router';
import { onSignedOut } from './api';
import { model, loadModel } from './model';
import { connect, disconnect } from './live';
import { restoreSession, user } from './session';

const routes: RouteRecordRaw[] = [
  { path: '/', redirect: '/situation' },
  { path: '/sign-in', component: () => import('./pages/SignInPage.vue'), meta: { public: true, title: 'signIn.title' } },
  { path: '/situation', component: () => import('./pages/SituationPage.vue'), meta: { title: 'situation.title', full: true } },
  { path: '/alarms', component: () => import('./pages/AlarmsPage.vue'), meta: { title: 'alarms.title' } },
  { path: '/cases', component: () => import('./pages/CasesPage.vue'), meta: { title: 'cases.title' } },
  { path: '/cases/:id', component: () => import('./pages/CasePage.vue'), props: true, meta: { title: 'cases.title' } },
  { path: '/devices', component: () => import('./pages/DevicesPage.vue'), meta: { title: 'devices.title' } },
  { path: '/entities/:id', component: () => import('./pages/EntityPage.vue'), props: true, meta: { title: 'devices.title' } },
  { path: '/rules', component: () => import('./pages/RulesPage.vue'), meta: { title: 'rules.title' } },
  { path: '/imports', component: () => import('./pages/ImportsPage.vue'), meta: { title: 'imports.title' } },
  { path: '/rejections', component: () => import('./pages/RejectionsPage.vue'), meta: { title: 'rejections.title' } },
  { path: '/subscriptions', component: () => import('./pages/SubscriptionsPage.vue'), meta: { title: 'subscriptions.title' } },
  { path: '/subscriptions/:id', component: () => import('./pages/SubscriptionPage.vue'), props: true, meta: { title: 'subscriptions.title' } },
  { path: '/packs', component: () => import('./pages/PacksPage.vue'), meta: { title: 'packs.title' } },
  { path: '/users', component: () => import('./pages/UsersPage.vue'), meta: { title: 'users.title' } },
  { path: '/:rest(.*)*', component: () => import('./pages/NotFoundPage.vue'), meta: { title: 'common.notFound' } },
];

export const router = createRouter({
  history: createWebHistory(),
  routes,
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

router.beforeEach(async (to) => {
  if (to.meta.public) return true;
  if (!user.value && !(await restoreSession())) return { path: '/sign-in', query: { next: to.fullPath } };
  if (!model.value) await loadModel();
  await connect();
  return true;
});

onSignedOut(() => {
  if (!user.value) return;
  user.value = null;
  disconnect();
  void router.push({ path: '/sign-in', query: { next: router.currentRoute.value.fullPath, ended: '1' } });
});
