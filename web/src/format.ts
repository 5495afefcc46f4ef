// SPDX-License-Identifier: Apache-2.0
// Numbers, times and sizes as people read them; times of the district are Asia/Shanghai.
import { onScopeDispose, ref } from 'vue';
import { language } from './preferences';

const zone = 'Asia/Shanghai';
const locale = () => (language.value === 'zh' ? 'zh-CN' : 'en-GB');

export function formatNumber(value: number, decimals?: number): string {
  if (!Number.isFinite(value)) return '—';
  const digits = decimals ?? (Number.isInteger(value) ? 0 : 2);
  return value.toLocaleString('en-US', {
    minimumFractionDigits: decimals ?? 0,
    maximumFractionDigits: digits,
    useGrouping: Math.abs(value) >= 10000,
  });
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let n = bytes;
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${n.toFixed(i && n < 10 ? 1 : 0)} ${units[i]}`;
}

function parts(at: Date): Record<string, string> {
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
  }).formatToParts(at);
  return Object.fromEntries(made.map((p) => [p.type, p.value]));
}

/** 2026-03-01 08:00:00 */
export function formatTime(at: string | number | Date | null | undefined, seconds = true): string {
  const date = at === null || at === undefined || at === '' ? null : new Date(at);
  if (!date || Number.isNaN(date.getTime())) return '—';
  const p = parts(date);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}${seconds ? `:${p.second}` : ''}`;
}

/** The axis label of a chart: hours within a day, else days. */
export function formatTick(at: number, span: number): string {
  const p = parts(new Date(at));
  if (span > 3 * 86_400_000) return `${p.month}-${p.day}`;
  return p.hour === '00' && p.minute === '00' ? `${p.month}-${p.day}` : `${p.hour}:${p.minute}`;
}

export function formatDay(at: Date): string {
  return new Intl.DateTimeFormat(locale(), { timeZone: zone, month: 'long', day: 'numeric', weekday: 'short', year: 'numeric' }).format(at);
}

export function formatClock(at: Date): string {
  const p = parts(at);
  return `${p.hour}:${p.minute}:${p.second}`;
}

/** 3 天 4 小时, 12 分钟, 40 秒: the two largest units. */
export function formatSpan(milliseconds: number): string {
  const zh = language.value === 'zh';
  const s = Math.max(0, Math.round(milliseconds / 1000));
  const units: [number, string, string][] = [
    [Math.floor(s / 86400), '天', 'd'],
    [Math.floor((s % 86400) / 3600), '小时', 'h'],
    [Math.floor((s % 3600) / 60), '分钟', 'min'],
    [s % 60, '秒', 's'],
  ];
  const first = units.findIndex(([n]) => n > 0);
  if (first < 0) return zh ? '0 秒' : '0 s';
  const shown = units.slice(first, first < 2 ? first + 2 : first + 1).filter(([n]) => n > 0);
  return shown.map(([n, z, e]) => (zh ? `${n} ${z}` : `${n} ${e}`)).join(' ');
}

/** Relative within a day, else the date. */
export function formatAgo(at: string | null | undefined, now: number): string {
  const then = at ? new Date(at).getTime() : NaN;
  if (Number.isNaN(then)) return '—';
  const zh = language.value === 'zh';
  const gone = now - then;
  if (gone < -60_000 || gone > 86_400_000) return formatTime(then, false);
  if (gone < 45_000) return zh ? '刚刚' : 'just now';
  const minutes = Math.round(gone / 60_000);
  if (minutes < 60) return zh ? `${minutes} 分钟前` : `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  return zh ? `${hours} 小时前` : `${hours} h ago`;
}

export interface TimeLeft {
  overdue: boolean;
  soon: boolean;
  span: number;
}

/** How long until a deadline; null when there is none or the work is done. Soon: under half an hour. */
export function timeLeft(deadline: string | null | undefined, closedAt: string | null | undefined, now: number): TimeLeft | null {
  if (!deadline || closedAt) return null;
  const left = new Date(deadline).getTime() - now;
  if (Number.isNaN(left)) return null;
  return { overdue: left < 0, soon: left >= 0 && left < 1_800_000, span: Math.abs(left) };
}

/** The present moment, renewed every second (or more slowly), while the component lives. */
export function useNow(every = 1000) {
  const now = ref(Date.now());
  const timer = setInterval(() => {
    now.value = Date.now();
  }, every);
  onScopeDispose(() => clearInterval(timer));
  return now;
}
