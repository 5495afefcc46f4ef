// SPDX-License-Identifier: Apache-2.0
// What this browser remembers: language and theme.
import { ref, watchEffect } from 'vue';

export type Language = 'zh' | 'en';
export type Theme = 'dark' | 'light';

function remembered<T extends string>(key: string, allowed: readonly T[], otherwise: T) {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(`zhongshu.${key}`);
  } catch {
    // storage may be forbidden
  }
  const value = ref(allowed.includes(kept as T) ? (kept as T) : otherwise);
  watchEffect(() => {
    try {
      localStorage.setItem(`zhongshu.${key}`, value.value);
    } catch {
      // not remembered then
    }
  });
  return value;
}

export const language = remembered<Language>('language', ['zh', 'en'], 'zh');
export const theme = remembered<Theme>('theme', ['dark', 'light'], 'dark');

watchEffect(() => {
  if (typeof document === 'undefined') return;
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en';
  document.documentElement.dataset.theme = theme.value;
});
