/* SPDX-License-Identifier: Apache-2.0 */
/* Times as devices and files write them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/instant.h"

enum timestamp_kind {
    TIMESTAMP_ISO,      /* "2026-03-01T08:30:00+08:00"; without a zone only where one is given */
    TIMESTAMP_EPOCH,    /* seconds, with or without a fraction */
    TIMESTAMP_EPOCH_MS, /* milliseconds */
    TIMESTAMP_PATTERN,  /* %Y %m %d %H %M %S %f %z %% %T %F and literal text */
};

struct timestamp_format {
    enum timestamp_kind kind;
    const char *pattern; /* of TIMESTAMP_PATTERN */
    bool has_zone;
    int zone_minutes; /* east of UTC, for texts without a zone */
};

/* "iso", "epoch", "epoch_ms" or a pattern. format->pattern points into text. False when the pattern has a
 * directive that is not known, or no year. */
bool timestamp_format_parse(const char *text, struct timestamp_format *format);
/* Does the pattern end in no zone of its own, so that one must be given? */
bool timestamp_needs_zone(const struct timestamp_format *format);
/* "+08:00", "-03:30", "Z" as minutes east of UTC. */
bool timestamp_zone_parse(const char *text, int *minutes);
/* Numbers may have one digit less than usual ("3" for March); white space in the pattern matches any amount
 * of it. False for what is no time, also for 31 April. */
bool timestamp_parse(const struct timestamp_format *format, const char *text, size_t length, instant *result);
