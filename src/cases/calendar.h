/* SPDX-License-Identifier: Apache-2.0 */
/* Working time: which hours of which days count for a deadline. */
#pragma once

#include "base/arena.h"
#include "base/instant.h"
#include "hub/hub.h"

enum {
    CALENDAR_HOURS = 8,   /* stretches of one working day */
    CALENDAR_DAYS = 20000 /* single days named as holidays or make-up days */
};
#define CALENDAR_HOUR (3600 * INSTANT_SECOND)
#define CALENDAR_DAY (24 * CALENDAR_HOUR)

/* Section `calendar` of a pack:
 *   zone: "+08:00"
 *   days: [mon, tue, wed, thu, fri]
 *   hours: ["09:00-12:00", "14:00-18:00"]      # "22:00-06:00" runs into the next day
 *   holidays: [{from: 2026-01-01, to: 2026-01-03, title: …}, 2026-05-01]
 *   workdays: [2026-01-04]                      # make-up days: worked although a weekend or holiday
 *   source: where the days come from
 * Lives in its arena, read-only after parsing. */
struct calendar;

/* Reads a section; every mistake goes to r. NULL only when section is no mapping or has mistakes. */
const struct calendar *calendar_parse(struct arena *a, const struct json *section, struct pack_report *r);
/* Monday to Friday, 09:00-12:00 and 14:00-18:00, +08:00, no holidays. */
const struct calendar *calendar_default(struct arena *a);

/* The moment when span (>= 0) of working time has passed after t. span 0 gives t. A span that ends with a
 * stretch of work ends there, not at the next one's beginning. */
instant calendar_after(const struct calendar *c, instant t, int64_t span);
/* The same backwards. */
instant calendar_before(const struct calendar *c, instant t, int64_t span);
/* Working time from a to b; negative when b is earlier. */
int64_t calendar_between(const struct calendar *c, instant a, instant b);
/* Working time of one working day. */
int64_t calendar_day_length(const struct calendar *c);
/* The local date as yyyymmdd. */
int calendar_date(const struct calendar *c, instant t);

/* ---- lengths as workflows write them ---- */

enum deadline_clock { CLOCK_WORKING, CLOCK_ALWAYS };
/* "30m", "4h", "2d", "2d4h": a day is a working day under CLOCK_WORKING, else 24 hours. */
struct length {
    int days;
    int64_t rest; /* microseconds */
};
enum { LENGTH_DAYS = 400 };
/* False for anything else, for nothing at all, and over LENGTH_DAYS days. "0m" is fine. */
bool length_parse(const char *text, struct length *out);
/* In microseconds of that clock. */
int64_t length_on(const struct calendar *c, enum deadline_clock clock, struct length l);
/* t plus (or minus, when negative) a time of that clock; and the time of that clock from a to b. */
instant clock_add(const struct calendar *c, enum deadline_clock clock, instant t, int64_t time);
int64_t clock_between(const struct calendar *c, enum deadline_clock clock, instant a, instant b);

/* "2026-05-01" as days since 1970-01-01; false when it is no date. */
bool date_parse(const char *text, int64_t *day);
