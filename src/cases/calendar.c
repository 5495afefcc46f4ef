/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic over the stretches of work, day by day. */
#include "cases/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/pack_read.h"

/* A span that finds no working day within this many days is treated as endless. */
enum { SEARCH_DAYS = 40000 };

struct stretch {
    int64_t start, end; /* microseconds after the day's midnight; end may lie in the next day */
};

struct calendar {
    int64_t zone;     /* microseconds east of UTC */
    bool weekdays[7]; /* Sunday first */
    struct stretch hours[CALENDAR_HOURS];
    int hours_count;
    int64_t *holidays, *workdays; /* sorted local days */
    int holidays_count, workdays_count;
};

/* ---- days ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool contains(const int64_t *days, int count, int64_t day)
{
    return count > 0 && bsearch(&day, days, (size_t)count, sizeof *days, by_number) != NULL;
}

static bool is_working_day(const struct calendar *c, int64_t day)
{
    if (contains(c->workdays, c->workdays_count, day)) {
        return true;
    }
    int weekday = (int)(((day + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    return c->weekdays[weekday] && !contains(c->holidays, c->holidays_count, day);
}

/* Days since 1970-01-01 of the local date. */
static int64_t local_day(const struct calendar *c, instant t)
{
    int64_t local = t + c->zone;
    int64_t day = local / CALENDAR_DAY;
    return local % CALENDAR_DAY < 0 ? day - 1 : day;
}

static instant midnight(const struct calendar *c, int64_t day)
{
    return day * CALENDAR_DAY - c->zone;
}

int calendar_date(const struct calendar *c, instant t)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(local_day(c, t) * 86400);
    int year, month, day;
    g_date_time_get_ymd(date, &year, &month, &day);
    return year * 10000 + month * 100 + day;
}

int64_t calendar_day_length(const struct calendar *c)
{
    int64_t sum = 0;
    for (int i = 0; i < c->hours_count; i++) {
        sum += c->hours[i].end - c->hours[i].start;
    }
    return sum;
}

/* ---- arithmetic ---- */

instant calendar_after(const struct calendar *c, instant t, int64_t span)
{
    int64_t first = local_day(c, t) - 1; /* last night's work may reach into today */
    for (int64_t day = first; span > 0 && day < first + SEARCH_DAYS; day++) {
        if (!is_working_day(c, day)) {
            continue;
        }
        for (int i = 0; i < c->hours_count; i++) {
            instant start = MAX(midnight(c, day) + c->hours[i].start, t);
            instant end = midnight(c, day) + c->hours[i].end;
            if (end <= start) {
                continue;
            }
            if (span <= end - start) {
                return start + span;
            }
            span -= end - start;
        }
    }
    return span > 0 ? INSTANT_MAX : t;
}

instant calendar_before(const struct calendar *c, instant t, int64_t span)
{
    int64_t last = local_day(c, t);
    for (int64_t day = last; span > 0 && day > last - SEARCH_DAYS; day--) {
        if (!is_working_day(c, day)) {
            continue;
        }
        for (int i = c->hours_count - 1; i >= 0; i--) {
            instant start = midnight(c, day) + c->hours[i].start;
            instant end = MIN(midnight(c, day) + c->hours[i].end, t);
            if (end <= start) {
                continue;
            }
            if (span <= end - start) {
                return end - span;
            }
            span -= end - start;
        }
    }
    return span > 0 ? INSTANT_MIN : t;
}

int64_t calendar_between(const struct calendar *c, instant a, instant b)
{
    if (b < a) {
        return -calendar_between(c, b, a);
    }
    int64_t sum = 0;
    int64_t last = local_day(c, b);
    for (int64_t day = local_day(c, a) - 1; day <= last; day++) {
        if (!is_working_day(c, day)) {
            continue;
        }
        for (int i = 0; i < c->hours_count; i++) {
            instant start = MAX(midnight(c, day) + c->hours[i].start, a);
            instant end = MIN(midnight(c, day) + c->hours[i].end, b);
            sum += MAX(end - start, 0);
        }
    }
    return sum;
}

/* ---- lengths ---- */

static bool add_unit(struct length *l, int64_t n, char unit)
{
    switch (unit) {
    case 'd': l->days += (int)n; return true;
    case 'h': l->rest += n * CALENDAR_HOUR; return true;
    case 'm': l->rest += n * 60 * INSTANT_SECOND; return true;
    case 's': l->rest += n * INSTANT_SECOND; return true;
    default: return false;
    }
}

bool length_parse(const char *text, struct length *out)
{
    struct length l = {0};
    if (text == NULL || *text == '\0') {
        return false;
    }
    while (*text != '\0') {
        char *unit;
        if (!g_ascii_isdigit(*text)) {
            return false;
        }
        guint64 n = g_ascii_strtoull(text, &unit, 10);
        if (n > 1000000 || !add_unit(&l, (int64_t)n, *unit)) {
            return false;
        }
        text = unit + 1;
    }
    if (l.days > LENGTH_DAYS || l.rest > LENGTH_DAYS * CALENDAR_DAY) {
        return false;
    }
    *out = l;
    return true;
}

int64_t length_on(const struct calendar *c, enum deadline_clock clock, struct length l)
{
    return l.days * (clock == CLOCK_WORKING ? calendar_day_length(c) : CALENDAR_DAY) + l.rest;
}

instant clock_add(const struct calendar *c, enum deadline_clock clock, instant t, int64_t time)
{
    if (clock == CLOCK_ALWAYS) {
        return t + time;
    }
    return time >= 0 ? calendar_after(c, t, time) : calendar_before(c, t, -time);
}

int64_t clock_between(const struct calendar *c, enum deadline_clock clock, instant a, instant b)
{
    return clock == CLOCK_ALWAYS ? b - a : calendar_between(c, a, b);
}

/* ---- reading the section ---- */

bool date_parse(const char *text, int64_t *day)
{
    int year, month, date;
    char rest;
    if (text == NULL || strlen(text) != 10 || strspn(text, "0123456789-") != 10 ||
        sscanf(text, "%4d-%2d-%2d%c", &year, &month, &date, &rest) != 3 ||
        !g_date_valid_dmy((GDateDay)date, (GDateMonth)month, (GDateYear)year)) {
        return false;
    }
    g_autoptr(GDateTime) t = g_date_time_new_utc(year, month, date, 0, 0, 0);
    *day = g_date_time_to_unix(t) / 86400;
    return true;
}

struct reading {
    struct arena *a;
    struct pack_report *r;
    struct calendar *c;
    int mistakes;
};

#define MISTAKE(x, ...) ((x)->mistakes++, (x)->r->mistake((x)->r, __VA_ARGS__))

static void read_weekdays(struct reading *x, const struct json *days)
{
    static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    for (const struct json *d = json_first(days); d != NULL; d = d->next) {
        size_t i = 0;
        while (i < 7 && !json_streq(d, names[i])) {
            i++;
        }
        if (i == 7) {
            MISTAKE(x, d, "A day of the week is one of mon tue wed thu fri sat sun",
                    "星期须为 mon tue wed thu fri sat sun 之一");
        } else {
            x->c->weekdays[i] = true;
        }
    }
}

static bool clock_time(const char *text, int64_t *out)
{
    if (strlen(text) < 5 || !g_ascii_isdigit(text[0]) || !g_ascii_isdigit(text[1]) || text[2] != ':' ||
        !g_ascii_isdigit(text[3]) || !g_ascii_isdigit(text[4])) {
        return false;
    }
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *out = hour * CALENDAR_HOUR + minute * 60 * INSTANT_SECOND;
    return minute < 60 && *out <= CALENDAR_DAY;
}

static bool stretch_parse(const char *text, struct stretch *s)
{
    if (text == NULL || strlen(text) != 11 || text[5] != '-' || !clock_time(text, &s->start) ||
        !clock_time(text + 6, &s->end)) {
        return false;
    }
    if (s->end <= s->start) {
        s->end += CALENDAR_DAY;
    }
    return s->end - s->start <= CALENDAR_DAY && s->start < CALENDAR_DAY;
}

static void read_hours(struct reading *x, const struct json *hours)
{
    struct calendar *c = x->c;
    for (const struct json *h = json_first(hours); h != NULL; h = h->next) {
        struct stretch s;
        if (c->hours_count == CALENDAR_HOURS) {
            MISTAKE(x, h, "A working day has at most %d stretches", "一个工作日最多%d段", CALENDAR_HOURS);
            return;
        }
        if (!json_is(h, JSON_STRING) || !stretch_parse(h->string, &s)) {
            MISTAKE(x, h, "Hours are written \"09:00-12:00\"", "时段应写作 \"09:00-12:00\"");
        } else if (c->hours_count > 0 && s.start < c->hours[c->hours_count - 1].end) {
            MISTAKE(x, h, "The stretches of a day must follow one another without overlap",
                    "一天的各时段必须先后排列、互不重叠");
        } else {
            c->hours[c->hours_count++] = s;
        }
    }
    if (c->hours_count > 0 && c->hours[c->hours_count - 1].end - CALENDAR_DAY > c->hours[0].start) {
        MISTAKE(x, hours, "The last stretch runs into the next day's first", "末段与次日首段重叠");
    }
}

/* One entry of holidays or workdays: a date, or {from, to, title}. */
static bool read_range(const struct json *entry, int64_t *from, int64_t *to)
{
    if (json_is(entry, JSON_STRING)) {
        bool good = date_parse(entry->string, from);
        *to = *from;
        return good;
    }
    return date_parse(json_get_string(entry, "from"), from) && date_parse(json_get_string(entry, "to"), to) &&
           *to >= *from && *to - *from < 366;
}

static int64_t *read_days(struct reading *x, const struct json *list, int *count)
{
    g_autoptr(GArray) days = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (const struct json *entry = json_first(list); entry != NULL; entry = entry->next) {
        int64_t from = 0, to = 0;
        if (!read_range(entry, &from, &to)) {
            MISTAKE(x, entry, "Days are written 2026-05-01 or {from: 2026-05-01, to: 2026-05-05, title: …}",
                    "日期应写作 2026-05-01 或 {from: 2026-05-01, to: 2026-05-05, title: …}");
            continue;
        }
        for (int64_t day = from; day <= to && days->len < CALENDAR_DAYS; day++) {
            g_array_append_val(days, day);
        }
    }
    g_array_sort(days, by_number);
    *count = (int)days->len;
    int64_t *copy = arena_array(x->a, int64_t, days->len + 1);
    if (days->len > 0) {
        memcpy(copy, days->data, days->len * sizeof(int64_t));
    }
    return copy;
}

static void report_both(struct reading *x, const struct json *workdays)
{
    for (const struct json *entry = json_first(workdays); entry != NULL; entry = entry->next) {
        int64_t from = 0, to = 0;
        if (!read_range(entry, &from, &to)) {
            continue;
        }
        for (int64_t day = from; day <= to; day++) {
            if (contains(x->c->holidays, x->c->holidays_count, day)) {
                MISTAKE(x, entry, "A day is both a holiday and a make-up day",
                        "同一天既是节假日又是调休上班日");
                return;
            }
        }
    }
}

static void read_zone(struct reading *x, const struct json *section, const char *zone)
{
    int64_t offset;
    if (zone == NULL) {
        x->c->zone = 8 * CALENDAR_HOUR;
    } else if ((zone[0] != '+' && zone[0] != '-') || strlen(zone) != 6 || !clock_time(zone + 1, &offset) ||
               offset > 14 * CALENDAR_HOUR) {
        MISTAKE(x, json_get(section, "zone"), "zone is written \"+08:00\"", "zone 应写作 \"+08:00\"");
    } else {
        x->c->zone = zone[0] == '-' ? -offset : offset;
    }
}

struct calendar_fields {
    const char *zone;
    const struct json *days, *hours, *holidays, *workdays, *source;
};

static const struct json_field calendar_table[] = {
    {"zone", FIELD_STRING, offsetof(struct calendar_fields, zone), false},
    {"days", FIELD_ARRAY, offsetof(struct calendar_fields, days), true},
    {"hours", FIELD_ARRAY, offsetof(struct calendar_fields, hours), true},
    {"holidays", FIELD_ARRAY, offsetof(struct calendar_fields, holidays), false},
    {"workdays", FIELD_ARRAY, offsetof(struct calendar_fields, workdays), false},
    {"source", FIELD_TEXT, offsetof(struct calendar_fields, source), false},
    {NULL}};

const struct calendar *calendar_parse(struct arena *a, const struct json *section, struct pack_report *r)
{
    struct reading x = {a, r, arena_new0(a, struct calendar), 0};
    struct calendar_fields f = {0};
    if (!pack_read(r, section, calendar_table, &f)) {
        return NULL;
    }
    read_zone(&x, section, f.zone);
    read_weekdays(&x, f.days);
    read_hours(&x, f.hours);
    x.c->holidays = read_days(&x, f.holidays, &x.c->holidays_count);
    x.c->workdays = read_days(&x, f.workdays, &x.c->workdays_count);
    report_both(&x, f.workdays);
    if (x.mistakes == 0 && (f.days->length == 0 || f.hours->length == 0)) {
        MISTAKE(&x, section, "A calendar needs at least one day of the week and one stretch of hours",
                "日历至少需要一个工作的星期和一个时段");
    }
    return x.mistakes == 0 ? x.c : NULL;
}

const struct calendar *calendar_default(struct arena *a)
{
    struct calendar *c = arena_new0(a, struct calendar);
    c->zone = 8 * CALENDAR_HOUR;
    for (int i = 1; i <= 5; i++) {
        c->weekdays[i] = true;
    }
    c->hours[0] = (struct stretch){9 * CALENDAR_HOUR, 12 * CALENDAR_HOUR};
    c->hours[1] = (struct stretch){14 * CALENDAR_HOUR, 18 * CALENDAR_HOUR};
    c->hours_count = 2;
    return c;
}
