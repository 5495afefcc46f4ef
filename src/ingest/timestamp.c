/* SPDX-License-Identifier: Apache-2.0 */
/* Times by pattern. */
#include "ingest/timestamp.h"

#include <glib.h>
#include <math.h>
#include <string.h>

bool timestamp_format_parse(const char *text, struct timestamp_format *format)
{
    format->pattern = NULL;
    if (strcmp(text, "iso") == 0) {
        format->kind = TIMESTAMP_ISO;
        return true;
    }
    if (strcmp(text, "epoch") == 0 || strcmp(text, "epoch_ms") == 0) {
        format->kind = text[5] == '\0' ? TIMESTAMP_EPOCH : TIMESTAMP_EPOCH_MS;
        return true;
    }
    for (const char *p = strchr(text, '%'); p != NULL; p = strchr(p + 2, '%')) {
        if (p[1] == '\0' || strchr("YmdHMSfzTF%", p[1]) == NULL) {
            return false;
        }
    }
    format->kind = TIMESTAMP_PATTERN;
    format->pattern = text;
    return strstr(text, "%Y") != NULL || strstr(text, "%F") != NULL;
}

bool timestamp_needs_zone(const struct timestamp_format *format)
{
    return format->kind == TIMESTAMP_PATTERN && strstr(format->pattern, "%z") == NULL;
}

static bool two_digits(const char *p, int *value)
{
    if (!g_ascii_isdigit(p[0]) || !g_ascii_isdigit(p[1])) {
        return false;
    }
    *value = (p[0] - '0') * 10 + p[1] - '0';
    return true;
}

/* Z, +08:00, +0800, +08; moves *at behind it. */
static bool read_zone(const char **at, const char *end, int *minutes)
{
    const char *p = *at;
    if (p < end && (*p == 'Z' || *p == 'z')) {
        *minutes = 0;
        *at = p + 1;
        return true;
    }
    int hours, rest = 0;
    if (end - p < 3 || (*p != '+' && *p != '-') || !two_digits(p + 1, &hours)) {
        return false;
    }
    const char *more = p + 3 + (end - p > 3 && p[3] == ':');
    const char *stop = p + 3;
    if (end - more >= 2 && two_digits(more, &rest)) {
        stop = more + 2;
    }
    if (hours > 14 || rest > 59) {
        return false;
    }
    *minutes = (*p == '-' ? -1 : 1) * (hours * 60 + rest);
    *at = stop;
    return true;
}

bool timestamp_zone_parse(const char *text, int *minutes)
{
    const char *p = text, *end = text + strlen(text);
    return read_zone(&p, end, minutes) && p == end;
}

/* What a pattern has found so far. */
struct parts {
    int year, month, day, hour, minute, second, micro;
    bool has_zone;
    int zone;
};

static bool read_digits(const char **at, const char *end, int most, int *value)
{
    const char *p = *at;
    int n = 0;
    while (p < end && p - *at < most && g_ascii_isdigit(*p)) {
        n = n * 10 + (*p++ - '0');
    }
    bool any = p > *at;
    *at = p;
    *value = n;
    return any;
}

static bool read_fraction(const char **at, const char *end, int *micro)
{
    const char *start = *at;
    int scale = 100000, n = 0;
    while (*at < end && g_ascii_isdigit(**at)) {
        n += (**at - '0') * scale;
        scale /= 10;
        (*at)++;
    }
    *micro = n;
    return *at > start && *at - start <= 9;
}

static bool match_pattern(const char *pattern, const char **at, const char *end, struct parts *t);

static bool match_directive(char directive, const char **at, const char *end, struct parts *t)
{
    switch (directive) {
    case 'Y': {
        const char *start = *at;
        return read_digits(at, end, 4, &t->year) && *at - start == 4;
    }
    case 'm': return read_digits(at, end, 2, &t->month);
    case 'd': return read_digits(at, end, 2, &t->day);
    case 'H': return read_digits(at, end, 2, &t->hour);
    case 'M': return read_digits(at, end, 2, &t->minute);
    case 'S': return read_digits(at, end, 2, &t->second);
    case 'f': return read_fraction(at, end, &t->micro);
    case 'z': return t->has_zone = read_zone(at, end, &t->zone);
    case 'T': return match_pattern("%H:%M:%S", at, end, t);
    case 'F': return match_pattern("%Y-%m-%d", at, end, t);
    default: return *at < end && *(*at)++ == '%';
    }
}

static bool match_pattern(const char *pattern, const char **at, const char *end, struct parts *t)
{
    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p == '%') {
            if (!match_directive(*++p, at, end, t)) {
                return false;
            }
        } else if (g_ascii_isspace(*p)) {
            while (*at < end && g_ascii_isspace(**at)) {
                (*at)++;
            }
        } else if (*at == end || *(*at)++ != *p) {
            return false;
        }
    }
    return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (H. Hinnant, days_from_civil). */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool parts_are_possible(const struct parts *t)
{
    return t->year >= 1 && t->month >= 1 && t->month <= 12 && t->day >= 1 &&
           t->day <= g_date_get_days_in_month((GDateMonth)t->month, (GDateYear)t->year) && t->hour <= 23 &&
           t->minute <= 59 && t->second <= 59;
}

static bool parse_pattern(const struct timestamp_format *format, const char *text, size_t length,
                          instant *result)
{
    struct parts t = {.month = 1, .day = 1};
    const char *at = text, *end = text + length;
    if (!match_pattern(format->pattern, &at, end, &t) || at != end || !parts_are_possible(&t) ||
        !(t.has_zone || format->has_zone)) {
        return false;
    }
    int zone = t.has_zone ? t.zone : format->zone_minutes;
    int64_t seconds = days_of(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 + t.second;
    *result = (seconds - zone * 60) * INSTANT_SECOND + t.micro;
    return *result >= INSTANT_MIN && *result <= INSTANT_MAX;
}

static bool parse_epoch(const char *text, size_t length, double unit, instant *result)
{
    char copy[40], *end;
    if (length == 0 || length >= sizeof copy || strspn(text, "+-.0123456789eE") < length) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    double us = g_ascii_strtod(copy, &end) * unit;
    if (*end != '\0' || !isfinite(us) || us < (double)INSTANT_MIN || us > (double)INSTANT_MAX) {
        return false;
    }
    *result = (instant)llround(us);
    return true;
}

bool timestamp_parse(const struct timestamp_format *format, const char *text, size_t length, instant *result)
{
    switch (format->kind) {
    case TIMESTAMP_ISO:
        return instant_parse(text, length, format->has_zone ? &format->zone_minutes : NULL, result);
    case TIMESTAMP_EPOCH: return parse_epoch(text, length, 1e6, result);
    case TIMESTAMP_EPOCH_MS: return parse_epoch(text, length, 1e3, result);
    case TIMESTAMP_PATTERN: return parse_pattern(format, text, length, result);
    }
    return false;
}
