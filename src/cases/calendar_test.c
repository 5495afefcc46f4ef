/* SPDX-License-Identifier: Apache-2.0 */
/* Working time: holidays, make-up days, nights, and mistakes in the section. */
#include "cases/calendar.h"

#include <string.h>

static const char yuzhong[] =
    "{\"zone\":\"+08:00\",\"days\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\"],"
    "\"hours\":[\"09:00-12:00\",\"14:00-18:00\"],"
    "\"holidays\":[{\"from\":\"2026-02-15\",\"to\":\"2026-02-23\",\"title\":\"春节\"},"
    "{\"from\":\"2026-10-01\",\"to\":\"2026-10-07\"}],"
    "\"workdays\":[\"2026-02-14\",\"2026-02-28\",\"2026-09-20\",\"2026-10-10\"]}";
static const char nights[] =
    "{\"days\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\"],\"hours\":[\"22:00-06:00\"]}";

static void count_mistake(struct pack_report *r, const struct json *where, const char *en, const char *zh,
                          ...)
{
    r->mistakes++;
}

static const struct calendar *read_calendar(struct arena *a, const char *text, int mistakes)
{
    struct pack_report r = {.mistake = count_mistake};
    struct error e = {0};
    struct json *section = json_parse(a, text, strlen(text), &e);
    g_assert_nonnull(section);
    const struct calendar *c = calendar_parse(a, section, &r);
    g_assert_cmpint(r.mistakes, ==, mistakes);
    g_assert_true((c == NULL) == (mistakes > 0));
    return c;
}

static instant at(const char *text)
{
    int zone = 480;
    instant t;
    g_assert_true(instant_parse(text, strlen(text), &zone, &t));
    return t;
}

#define HOURS(n) ((n)*CALENDAR_HOUR)

/* Adds, checks, and goes the same way back. */
static void check_span(const struct calendar *c, const char *from, int64_t span, const char *to)
{
    char text[INSTANT_TEXT], expected[INSTANT_TEXT];
    g_assert_cmpstr(instant_format(calendar_after(c, at(from), span), text), ==,
                    instant_format(at(to), expected));
    g_assert_cmpint(calendar_between(c, at(from), at(to)), ==, span);
    g_assert_cmpint(calendar_between(c, at(to), at(from)), ==, -span);
    g_assert_cmpint(calendar_between(c, calendar_before(c, at(to), span), at(to)), ==, span);
}

static void test_ordinary_days(void)
{
    arena_auto a = arena_new();
    const struct calendar *c = read_calendar(a, yuzhong, 0);
    g_assert_cmpint(calendar_day_length(c), ==, HOURS(7));
    check_span(c, "2026-03-02T10:00:00", HOURS(1), "2026-03-02T11:00:00");
    check_span(c, "2026-03-02T11:00:00", HOURS(1), "2026-03-02T12:00:00"); /* to the end, not to 14:00 */
    check_span(c, "2026-03-02T11:00:00", HOURS(2), "2026-03-02T15:00:00");
    check_span(c, "2026-03-02T06:30:00", HOURS(1), "2026-03-02T10:00:00");
    check_span(c, "2026-03-02T20:00:00", HOURS(1), "2026-03-03T10:00:00");
    check_span(c, "2026-03-06T17:00:00", HOURS(4), "2026-03-09T12:00:00"); /* over a weekend */
    check_span(c, "2026-03-02T10:00:00", HOURS(7), "2026-03-03T10:00:00");
    g_assert_cmpint(calendar_after(c, at("2026-03-01T03:00:00"), 0), ==, at("2026-03-01T03:00:00"));
}

static void test_spring_festival(void)
{
    arena_auto a = arena_new();
    const struct calendar *c = read_calendar(a, yuzhong, 0);
    check_span(c, "2026-02-13T17:00:00", HOURS(4), "2026-02-14T12:00:00"); /* Saturday worked */
    check_span(c, "2026-02-14T17:00:00", HOURS(2), "2026-02-24T10:00:00"); /* nine days off */
    check_span(c, "2026-02-27T17:30:00", HOURS(1), "2026-02-28T09:30:00");
    check_span(c, "2026-10-09T18:00:00", HOURS(7), "2026-10-10T18:00:00");
    g_assert_cmpint(calendar_between(c, at("2026-02-15T00:00:00"), at("2026-02-24T00:00:00")), ==, 0);
}

static void test_nights(void)
{
    arena_auto a = arena_new();
    const struct calendar *c = read_calendar(a, nights, 0);
    g_assert_cmpint(calendar_day_length(c), ==, HOURS(8));
    check_span(c, "2026-03-02T23:00:00", HOURS(2), "2026-03-03T01:00:00");
    check_span(c, "2026-03-03T05:00:00", HOURS(2), "2026-03-03T23:00:00");
    check_span(c, "2026-03-07T05:30:00", HOURS(1),
               "2026-03-09T22:30:00"); /* Friday's night ends on Saturday */
}

static void test_dates(void)
{
    arena_auto a = arena_new();
    const struct calendar *c = calendar_default(a);
    g_assert_cmpint(calendar_date(c, at("2026-11-21T00:00:00")), ==, 20261121);
    g_assert_cmpint(calendar_date(c, at("2026-11-20T23:59:59")), ==, 20261120);
    int64_t day;
    g_assert_true(date_parse("2026-02-28", &day));
    g_assert_false(date_parse("2026-02-29", &day));
    g_assert_false(date_parse("2026-2-28", &day));
    g_assert_false(date_parse("2026-02-28x", &day));
    g_assert_false(date_parse("", &day));
}

static void test_lengths(void)
{
    arena_auto a = arena_new();
    const struct calendar *c = calendar_default(a);
    struct length l;
    g_assert_true(length_parse("2d4h", &l));
    g_assert_cmpint(length_on(c, CLOCK_WORKING, l), ==, HOURS(18));
    g_assert_cmpint(length_on(c, CLOCK_ALWAYS, l), ==, HOURS(52));
    g_assert_true(length_parse("0m", &l));
    static const char *const bad[] = {"",    "4", "h", "4 h", "-1h", "1w", "4h ", "99999999999999999999h",
                                      "500d"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(length_parse(bad[i], &l));
    }
    g_assert_cmpint(clock_add(c, CLOCK_ALWAYS, at("2026-03-06T17:00:00"), HOURS(24)), ==,
                    at("2026-03-07T17:00:00"));
    g_assert_cmpint(clock_add(c, CLOCK_WORKING, at("2026-03-09T10:00:00"), -HOURS(2)), ==,
                    at("2026-03-06T17:00:00"));
}

static void test_mistakes(void)
{
    arena_auto a = arena_new();
    read_calendar(a, "{\"days\":[],\"hours\":[\"09:00-12:00\"]}", 1);
    read_calendar(a, "{\"hours\":[\"09:00-12:00\"]}", 1);
    read_calendar(a, "{\"days\":[\"mon\",\"monday\"],\"hours\":[\"9-12\",\"09:00-25:00\"]}", 3);
    read_calendar(a, "{\"days\":[\"mon\"],\"hours\":[\"09:00-12:00\",\"11:00-13:00\"]}", 1);
    read_calendar(a, "{\"days\":[\"mon\"],\"hours\":[\"08:00-10:00\",\"22:00-09:00\"]}", 1);
    read_calendar(a, "{\"days\":[\"mon\"],\"hours\":[\"09:00-10:00\"],\"holidays\":[\"2026-02-30\",7]}", 2);
    read_calendar(a,
                  "{\"days\":[\"mon\"],\"hours\":[\"09:00-10:00\"],\"holidays\":[\"2026-05-01\"],"
                  "\"workdays\":[\"2026-05-01\"],\"zone\":\"8\"}",
                  2);
    read_calendar(a, "[]", 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cases/calendar/ordinary", test_ordinary_days);
    g_test_add_func("/cases/calendar/spring-festival", test_spring_festival);
    g_test_add_func("/cases/calendar/nights", test_nights);
    g_test_add_func("/cases/calendar/dates", test_dates);
    g_test_add_func("/cases/calendar/lengths", test_lengths);
    g_test_add_func("/cases/calendar/mistakes", test_mistakes);
    return g_test_run();
}
