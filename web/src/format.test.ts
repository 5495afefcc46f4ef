// SPDX-License-Identifier: Apache-2.0
// Time left and times shown.
import { describe, expect, it } from 'vitest';
import { formatAgo, formatSpan, formatTime, timeLeft } from './format';

const now = Date.parse('2026-03-01T00:00:00Z');

describe('timeLeft', () => {
  it('counts down, warns, and turns to overdue', () => {
    expect(timeLeft('2026-03-01T05:00:00Z', null, now)).toEqual({ overdue: false, soon: false, span: 5 * 3_600_000 });
    expect(timeLeft('2026-03-01T00:20:00Z', null, now)).toMatchObject({ overdue: false, soon: true });
    expect(timeLeft('2026-02-28T23:00:00Z', null, now)).toEqual({ overdue: true, soon: false, span: 3_600_000 });
  });
  it('is nothing for closed cases and without a deadline', () => {
    expect(timeLeft('2026-03-01T05:00:00Z', '2026-03-01T00:00:00Z', now)).toBeNull();
    expect(timeLeft(null, null, now)).toBeNull();
    expect(timeLeft('soon', null, now)).toBeNull();
  });
});

describe('times', () => {
  it('are those of Shanghai', () => {
    expect(formatTime('2026-03-01T00:00:00Z')).toBe('2026-03-01 08:00:00');
    expect(formatTime('2026-02-28T16:00:00Z', false)).toBe('2026-03-01 00:00');
    expect(formatTime('nonsense')).toBe('—');
  });
  it('are relative when recent', () => {
    expect(formatAgo('2026-02-28T23:50:00Z', now)).toBe('10 分钟前');
    expect(formatAgo('2026-02-20T00:00:00Z', now)).toBe('2026-02-20 08:00');
    expect(formatSpan(90_061_000)).toBe('1 天 1 小时');
    expect(formatSpan(59_000)).toBe('59 秒');
  });
});
