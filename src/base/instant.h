/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time and lengths of time, as ISO 8601 writes them (ETSI GS CIM 009 V1.9.1, 4.6.3). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A point in time is int64_t microseconds since 1970-01-01T00:00:00Z, between the years 0001 and 9999. */
typedef int64_t instant; /* the one typedef of the house: a number with a meaning */
#define INSTANT_SECOND INT64_C(1000000)
#define INSTANT_MIN (INT64_C(-62135596800) * INSTANT_SECOND)
#define INSTANT_MAX (INT64_C(253402300799) * INSTANT_SECOND)

/* The wall clock. */
instant instant_now(void);

/* Parses "2026-03-01T08:30:00[.123456](Z|+08:00)"; a zone is required unless zone_minutes is not NULL, which
 * then gives the offset east of UTC for texts without one. False and *result untouched for anything else
 * (also for 31 April, hour 24, second 60). length is in bytes. */
bool instant_parse(const char *text, size_t length, const int *zone_minutes, instant *result);

/* A time of day "08:30:00[.123456]Z" (also without the Z), as microseconds since midnight. */
bool day_time_parse(const char *text, size_t length, int64_t *microseconds);
/* A calendar date "2026-03-01", as its midnight in UTC. */
bool day_parse(const char *text, size_t length, instant *midnight);

enum { INSTANT_TEXT = 32 };
/* Writes UTC as "2026-03-01T00:30:00Z", with ".123" or ".123456" only where there is a fraction. Returns out.
 */
char *instant_format(instant t, char out[INSTANT_TEXT]);

/* Parses an ISO 8601 duration "P1DT2H30M", "PT0.5S", "P1M", "P1Y". Months and years have calendar length and
 * go to *months; the rest goes to *microseconds. */
bool duration_parse(const char *text, size_t length, int *months, int64_t *microseconds);
/* Adds a parsed duration, months by the UTC calendar (31 January + 1 month = 28/29 February). */
instant instant_add(instant t, int months, int64_t microseconds);
/* Parses a length as packs write it: "30s", "10m", "3h", "1d", "2w" or an ISO 8601 duration without months.
 */
bool span_parse(const char *text, size_t length, int64_t *microseconds);
