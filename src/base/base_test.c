/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the base: arenas, errors, times. */
#include <glib.h>
#include <string.h>

#include "base/arena.h"
#include "base/counters.h"
#include "base/error.h"
#include "base/instant.h"
#include "base/table.h"

static void arena_pieces_do_not_overlap(void)
{
    arena_auto a = arena_new();
    char *pieces[200];
    for (int i = 0; i < 200; i++) {
        pieces[i] = memset(arena_alloc(a, (size_t)i * 7), i, (size_t)i * 7);
        g_assert_cmpint((intptr_t)pieces[i] % 16, ==, 0);
    }
    for (int i = 1; i < 200; i++) {
        g_assert_cmpint(pieces[i][0], ==, (char)i);
        g_assert_cmpint(pieces[i][i * 7 - 1], ==, (char)i);
    }
    arena_auto fresh = arena_new();
    g_assert_nonnull(arena_alloc(fresh, 0));
    arena_clear(a);
    g_assert_cmpuint(arena_used(a), ==, 0);
    g_assert_cmpstr(arena_printf(a, "%s-%d", "x", 7), ==, "x-7");
}

static void errors_speak_both_languages(void)
{
    struct error e = {0};
    g_assert_false(error_set(&e, ERROR_NOT_FOUND, "no %s at %d", "没有 %s，位置 %d", "cover", 3));
    g_assert_cmpstr(e.en, ==, "no cover at 3");
    g_assert_cmpstr(e.zh, ==, "没有 cover，位置 3");
    error_prefix(&e, "line %d", 9);
    g_assert_cmpstr(e.en, ==, "line 9: no cover at 3");
    g_assert_cmpint(error_status(e.code), ==, 404);
}

static void long_errors_are_cut_at_a_character(void)
{
    struct error e;
    g_autoptr(GString) text = g_string_new("");
    for (int i = 0; i < 300; i++) {
        g_string_append(text, "井");
    }
    error_set(&e, ERROR_INTERNAL, "x%s", "盖%s", text->str);
    g_assert_true(g_utf8_validate(e.en, -1, NULL));
    g_assert_true(g_utf8_validate(e.zh, -1, NULL));
    error_set(&e, ERROR_INTERNAL, "\"%.4s\" is wrong", "“%.4s”不对", "井盖");
    g_assert_cmpstr(e.en, ==, "\"井\" is wrong");
    g_assert_cmpstr(e.zh, ==, "“井”不对");
}

static void check_time(const char *text, const char *expected)
{
    instant t = -1;
    int east8 = 480;
    bool ok = instant_parse(text, strlen(text), &east8, &t);
    char out[INSTANT_TEXT];
    g_assert_cmpstr(ok ? instant_format(t, out) : "refused", ==, expected);
}

static void times_parse_and_print(void)
{
    check_time("2026-03-01T08:30:00Z", "2026-03-01T08:30:00Z");
    check_time("2026-03-01T08:30:00+08:00", "2026-03-01T00:30:00Z");
    check_time("2026-03-01T08:30:00.5Z", "2026-03-01T08:30:00.500Z");
    check_time("2026-03-01T08:30:00.123456Z", "2026-03-01T08:30:00.123456Z");
    check_time("2026-03-01 08:30:00", "2026-03-01T00:30:00Z");
    check_time("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z");
    check_time("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z");
    for (const char *const *bad =
             (const char *const[]){"2023-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-03-01T24:00:00Z",
                                   "2026-03-01T08:60:00Z", "yesterday", "2026-3-1T00:00:00Z",
                                   "2026-03-01T08:30:00Zx", "", NULL};
         *bad != NULL; bad++) {
        check_time(*bad, "refused");
    }
    instant t;
    g_assert_false(instant_parse("2026-03-01T08:30:00", 19, NULL, &t));
}

static void durations_parse_and_add(void)
{
    int months;
    int64_t us;
    g_assert_true(duration_parse("P1Y2M3DT4H5M6.5S", 16, &months, &us));
    g_assert_cmpint(months, ==, 14);
    g_assert_cmpint(us, ==, ((3 * 24 + 4) * 3600 + 5 * 60) * INSTANT_SECOND + 6500000);
    for (const char *const *bad =
             (const char *const[]){"P", "PT", "P1H", "1H", "PT1D", "P1.5Y", "PT99999999999999999999S", NULL};
         *bad != NULL; bad++) {
        g_assert_false(duration_parse(*bad, strlen(*bad), &months, &us));
    }
    instant t;
    char out[INSTANT_TEXT];
    g_assert_true(instant_parse("2026-01-31T00:00:00Z", 20, NULL, &t));
    g_assert_cmpstr(instant_format(instant_add(t, 1, 0), out), ==, "2026-02-28T00:00:00Z");
    g_assert_true(span_parse("10m", 3, &us));
    g_assert_cmpint(us, ==, 600 * INSTANT_SECOND);
    g_assert_true(span_parse("PT0.5S", 6, &us));
    g_assert_cmpint(us, ==, 500000);
    g_assert_false(span_parse("10", 2, &us));
    g_assert_false(span_parse("P1M", 3, &us));
}

static void counters_print(void)
{
    static struct counter c[] = {{"test_total", COUNTER_COUNTER, "Tests", "测试"}};
    counters_register(c, 1);
    counters_register(c, 1);
    counter_add(&c[0], 5);
    g_autoptr(GString) out = g_string_new("");
    counters_write(out);
    g_assert_cmpstr(out->str, ==, "# HELP test_total Tests\n# TYPE test_total counter\ntest_total 5\n");
}

static void cells_are_safe_in_a_spreadsheet(void)
{
    g_autoptr(GString) out = table_new();
    table_cell(out, NULL);
    table_cell(out, "a,\"b\"\n");
    table_cell(out, "=1+1");
    table_cell(out, "-5");
    table_end(out);
    table_row(out, (const char *const[]){"x", "大坪", NULL});
    g_assert_cmpstr(out->str, ==, "\xef\xbb\xbf\"\",\"a,\"\"b\"\"\n\",\"'=1+1\",-5\r\nx,大坪\r\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arena/pieces", arena_pieces_do_not_overlap);
    g_test_add_func("/error/languages", errors_speak_both_languages);
    g_test_add_func("/error/long", long_errors_are_cut_at_a_character);
    g_test_add_func("/instant/text", times_parse_and_print);
    g_test_add_func("/instant/duration", durations_parse_and_add);
    g_test_add_func("/counters", counters_print);
    g_test_add_func("/base/table", cells_are_safe_in_a_spreadsheet);
    return g_test_run();
}
