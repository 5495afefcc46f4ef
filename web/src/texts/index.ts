// SPDX-License-Identifier: Apache-2.0
// The two languages, and texts that the server sends in both.
import { watch } from 'vue';
import { createI18n } from 'vue-i18n';
import { language } from '../preferences';
import en from './en';
import zh from './zh';

export const i18n = createI18n({
  legacy: false,
  locale: language.value,
  fallbackLocale: 'zh',
  messages: { zh, en },
});

watch(language, (value) => {
  i18n.global.locale.value = value;
});

export const t = i18n.global.t;

/** A text of the server in the chosen language: "…", {zh, en} or {languageMap: {zh, en}}. */
export function say(text: unknown): string {
  if (text === null || text === undefined) return '';
  if (typeof text !== 'object') return String(text);
  const map = ((text as { languageMap?: object }).languageMap ?? text) as Record<string, string>;
  const other = language.value === 'zh' ? 'en' : 'zh';
  return map[language.value] ?? map[other] ?? map['@none'] ?? Object.values(map).find((v) => typeof v === 'string') ?? '';
}
