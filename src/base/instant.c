/* SPDX-License-Identifier: Apache-2.0 */
/* ISO 8601 texts to microseconds and back. */
#include "base/instant.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

instant instant_now(void)
{
    return g_get_real_time();
}

/* Days since 1970-01-01 of a Gregorian date (Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_of(int year, int month, int day)
{
    year -= month <= 2;
    int era = (year >= 0 ? year : year - 399) / 400;
    int of_era = year - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

static void date_of(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int day_of_era = (int)(days - era * 146097);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int)(era * 400) + year_of_era + (*month <= 2);
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Reads exactly n digits. */
static bool digits(const char **p, const char *end, int n, int *value)
{
    *value = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (*p == end || !g_ascii_isdigit(**p)) {
            return false;
        }
        *value = *value * 10 + (**p - '0');
    }
    return true;
}

static bool literal(const char **p, const char *end, char c)
{
    if (*p == end || **p != c) {
        return false;
    }
    (*p)++;
    return true;
}

/* A fraction of a second after its point, to microseconds; digits beyond six are cut. */
static bool fraction(const char **p, const char *end, int64_t *us)
{
    int64_t value = 0;
    int64_t scale = 100000;
    const char *from = *p;
    for (; *p < end && g_ascii_isdigit(**p); (*p)++, scale /= 10) {
        value += (**p - '0') * scale;
    }
    *us = value;
    return *p > from && *p - from <= 12;
}

static bool zone(const char **p, const char *end, const int *otherwise, int *minutes)
{
    int hours;
    int rest;
    if (*p == end) {
        *minutes = otherwise != NULL ? *otherwise : 0;
        return otherwise != NULL;
    }
    if (literal(p, end, 'Z')) {
        *minutes = 0;
        return *p == end;
    }
    int sign = **p == '-' ? -1 : 1;
    if (**p != '-' && **p != '+') {
        return false;
    }
    (*p)++;
    if (!digits(p, end, 2, &hours)) {
        return false;
    }
    (void)literal(p, end, ':');
    if (!digits(p, end, 2, &rest) || hours > 18 || rest > 59) {
        return false;
    }
    *minutes = sign * (hours * 60 + rest);
    return *p == end;
}

bool instant_parse(const char *text, size_t length, const int *zone_minutes, instant *result)
{
    const char *p = text;
    const char *end = text + length;
    int year, month, day, hour, minute, second, east;
    int64_t us = 0;
    if (!digits(&p, end, 4, &year) || !literal(&p, end, '-') || !digits(&p, end, 2, &month) ||
        !literal(&p, end, '-') || !digits(&p, end, 2, &day) ||
        !(literal(&p, end, 'T') || literal(&p, end, ' ')) || !digits(&p, end, 2, &hour) ||
        !literal(&p, end, ':') || !digits(&p, end, 2, &minute) || !literal(&p, end, ':') ||
        !digits(&p, end, 2, &second)) {
        return false;
    }
    if ((literal(&p, end, '.') || literal(&p, end, ',')) && !fraction(&p, end, &us)) {
        return false;
    }
    if (!zone(&p, end, zone_minutes, &east) || year < 1 || month < 1 || month > 12 || day < 1 ||
        day > days_in(year, month) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east * 60;
    instant t = seconds * INSTANT_SECOND + us;
    if (t < INSTANT_MIN || t > INSTANT_MAX) {
        return false;
    }
    *result = t;
    return true;
}

bool day_time_parse(const char *text, size_t length, int64_t *microseconds)
{
    char full[64];
    int utc = 0;
    if (length < 8 || length > 32 || text[2] != ':') {
        return false;
    }
    int n = snprintf(full, sizeof full, "1970-01-01T%.*s", (int)length, text);
    return instant_parse(full, (size_t)n, &utc, microseconds);
}

bool day_parse(const char *text, size_t length, instant *midnight)
{
    char full[32];
    if (length != 10 || text[4] != '-') {
        return false;
    }
    int n = snprintf(full, sizeof full, "%.10sT00:00:00Z", text);
    return instant_parse(full, (size_t)n, NULL, midnight);
}

/* Division that rounds down, for times before 1970. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

char *instant_format(instant t, char out[INSTANT_TEXT])
{
    t = CLAMP(t, INSTANT_MIN, INSTANT_MAX);
    int64_t seconds = floor_div(t, INSTANT_SECOND);
    int us = (int)(t - seconds * INSTANT_SECOND);
    int64_t days = floor_div(seconds, 86400);
    int rest = (int)(seconds - days * 86400);
    int year, month, day;
    date_of(days, &year, &month, &day);
    int n = snprintf(out, INSTANT_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, rest / 3600,
                     rest / 60 % 60, rest % 60);
    if (us % 1000 != 0) {
        n += snprintf(out + n, (size_t)(INSTANT_TEXT - n), ".%06d", us);
    } else if (us != 0) {
        n += snprintf(out + n, (size_t)(INSTANT_TEXT - n), ".%03d", us / 1000);
    }
    out[n] = 'Z';
    out[n + 1] = '\0';
    return out;
}

enum { MAX_DURATION_DIGITS = 9 };

/* One "<number><letter>" of a duration; a fraction is allowed for seconds only. */
static bool component(const char **p, const char *end, int64_t *number, int64_t *us, char *letter)
{
    const char *from = *p;
    *number = 0;
    *us = 0;
    for (; *p < end && g_ascii_isdigit(**p); (*p)++) {
        *number = *number * 10 + (**p - '0');
        if (*p - from >= MAX_DURATION_DIGITS) {
            return false;
        }
    }
    if (*p == from || *p == end) {
        return false;
    }
    bool has_fraction = literal(p, end, '.') || literal(p, end, ',');
    if (has_fraction && !fraction(p, end, us)) {
        return false;
    }
    if (*p == end) {
        return false;
    }
    *letter = *(*p)++;
    return !has_fraction || *letter == 'S';
}

bool duration_parse(const char *text, size_t length, int *months, int64_t *microseconds)
{
    const char *p = text;
    const char *end = text + length;
    int64_t total_months = 0;
    int64_t total = 0;
    bool in_time = false;
    bool any = false;
    if (!literal(&p, end, 'P')) {
        return false;
    }
    while (p < end) {
        int64_t n, us;
        char letter;
        if (!in_time && literal(&p, end, 'T')) {
            in_time = true;
            any = false; /* "P1DT" has nothing after its T */
            continue;
        }
        if (!component(&p, end, &n, &us, &letter)) {
            return false;
        }
        any = true;
        if (!in_time && letter == 'Y') {
            total_months += n * 12;
        } else if (!in_time && letter == 'M') {
            total_months += n;
        } else if (!in_time && (letter == 'W' || letter == 'D')) {
            total += n * (letter == 'W' ? 7 : 1) * 86400 * INSTANT_SECOND;
        } else if (in_time && (letter == 'H' || letter == 'M' || letter == 'S')) {
            total += n * (letter == 'H' ? 3600 : letter == 'M' ? 60 : 1) * INSTANT_SECOND + us;
        } else {
            return false;
        }
    }
    if (!any || total_months > 120000 || total > INSTANT_MAX) {
        return false;
    }
    *months = (int)total_months;
    *microseconds = total;
    return true;
}

instant instant_add(instant t, int months, int64_t microseconds)
{
    if (months != 0) {
        int64_t days = floor_div(t, 86400 * INSTANT_SECOND);
        int64_t rest = t - days * 86400 * INSTANT_SECOND;
        int year, month, day;
        date_of(days, &year, &month, &day);
        int64_t index = (int64_t)year * 12 + month - 1 + months;
        year = (int)floor_div(index, 12);
        month = (int)(index - (int64_t)year * 12) + 1;
        day = MIN(day, days_in(year, month));
        t = days_of(year, month, day) * 86400 * INSTANT_SECOND + rest;
    }
    return CLAMP(t + microseconds, INSTANT_MIN, INSTANT_MAX);
}

bool span_parse(const char *text, size_t length, int64_t *microseconds)
{
    if (length > 0 && text[0] == 'P') {
        int months;
        int64_t us;
        if (!duration_parse(text, length, &months, &us) || months != 0) {
            return false;
        }
        *microseconds = us;
        return true;
    }
    const char *p = text;
    int64_t n, us;
    char letter;
    if (!component(&p, text + length, &n, &us, &letter) || us != 0 || p != text + length) {
        return false;
    }
    const char *letters = "smhdw";
    static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
    const char *found = strchr(letters, letter);
    if (found == NULL || letter == '\0') {
        return false;
    }
    *microseconds = n * seconds[found - letters] * INSTANT_SECOND;
    return true;
}
