/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the CSV reader. */
#include <glib.h>
#include <string.h>

#include "base/limits.h"
#include "ingest/csv.h"

/* A source that gives a few bytes at a time, so that every border is met. */
struct memory {
    const char *text;
    size_t length, at, step;
};

static ssize_t read_memory(void *user, char *buffer, size_t max)
{
    struct memory *m = user;
    size_t n = MIN(MIN(max, m->step), m->length - m->at);
    memcpy(buffer, m->text + m->at, n);
    m->at += n;
    return (ssize_t)n;
}

/* All rows as "line:[a|b]", broken ones as "line!why". */
static char *read_all(const char *text, size_t length, size_t step, enum csv_encoding encoding)
{
    struct memory m = {text, length, 0, step};
    struct csv_reader *r = csv_reader_new(read_memory, &m, encoding, 0, 1);
    GString *out = g_string_new(NULL);
    arena_auto a = arena_new();
    struct csv_row row;
    struct error e = {0};
    while (csv_next(r, a, &row, &e)) {
        g_string_append_printf(out, "%" G_GINT64_FORMAT, row.line);
        if (row.broken) {
            g_string_append_printf(out, "!%s", row.fault.en);
            continue;
        }
        for (int i = 0; i < row.count; i++) {
            g_string_append_printf(out, "%s%s", i == 0 ? "[" : "|", row.fields[i].text);
        }
        g_string_append_c(out, ']');
    }
    g_assert_cmpint(e.code, ==, ERROR_NONE);
    csv_reader_free(r);
    return g_string_free(out, FALSE);
}

static void check(const char *text, const char *expected)
{
    for (size_t step = 1; step <= 64; step *= 4) {
        g_autofree char *got = read_all(text, strlen(text), step, CSV_UTF8);
        g_assert_cmpstr(got, ==, expected);
    }
}

static void rows_as_rfc_4180_has_them(void)
{
    check("a,b\r\n1,2\r\n", "1[a|b]2[1|2]");
    check("a,b\n1,2", "1[a|b]2[1|2]");
    check("\"a\"\"x\",\"b,\nc\"\r\n1,\"\"\n", "1[a\"x|b,\nc]3[1|]");
    check(",\n\n\r\n,,\n", "1[|]4[||]");
    check("", "");
    check("\xef\xbb\xbf"
          "a,b\n",
          "1[a|b]");
    check("a\"b,c\n", "1[a\"b|c]");
    check("\"\"\n", "1[]");
}

static void broken_rows_do_not_spoil_the_rest(void)
{
    check("a\n\"x\"y\nb\n", "1[a]2!there is text after a closing quote3[b]");
    check("a\n\"x\nb\nc\n", "1[a]2!a quote is opened and never closed3[b]4[c]");
    check("a\n\xff\nb\n", "1[a]2!field 1 is not utf-8 text3[b]");
}

static void long_rows_end(void)
{
    g_autoptr(GString) text = g_string_new("a\n\"");
    for (int i = 0; i < 300000; i++) {
        g_string_append(text, "xxxxxxx\n");
    }
    g_autofree char *got = read_all(text->str, text->len, 1 << 16, CSV_UTF8);
    g_assert_true(g_str_has_prefix(got, "1[a]2!the row is too long; is a quote not closed?3[xxxxxxx]"));
    g_autofree char *commas = g_strnfill(LIMIT_CSV_FIELDS * 2, ',');
    g_autofree char *many = read_all(commas, LIMIT_CSV_FIELDS * 2, 1 << 16, CSV_UTF8);
    g_assert_cmpstr(many, ==, "1!the row has too many fields");
}

static void chinese_encodings(void)
{
    gsize length;
    g_autofree char *gb = g_convert("站名,值\n大坪𠮷,1\n", -1, "GB18030", "UTF-8", NULL, &length, NULL);
    g_autofree char *got = read_all(gb, length, 1, CSV_GB18030);
    g_assert_cmpstr(got, ==, "1[站名|值]2[大坪𠮷|1]");
    enum csv_encoding encoding;
    int64_t total;
    struct memory m = {gb, length, 0, 3};
    g_assert_true(csv_detect(read_memory, &m, &encoding, &total, NULL));
    g_assert_cmpint(encoding, ==, CSV_GB18030);
    g_assert_cmpint(total, ==, (int64_t)length);
    m = (struct memory){"站名,值\n", strlen("站名,值\n"), 0, 1};
    g_assert_true(csv_detect(read_memory, &m, &encoding, &total, NULL));
    g_assert_cmpint(encoding, ==, CSV_UTF8);
    struct error e = {0};
    m = (struct memory){"\xff\xfe"
                        "a\0",
                        4, 0, 4};
    g_assert_false(csv_detect(read_memory, &m, &encoding, &total, &e));
    g_assert_cmpint(e.code, ==, ERROR_UNSUPPORTED_MEDIA);
    g_assert_true(csv_encoding_parse("GBK", &encoding));
    g_assert_false(csv_encoding_parse("latin1", &encoding));
}

/* Reading on from any row's offset gives the same rows. */
static void reading_goes_on_from_an_offset(void)
{
    static const char text[] = "a,b\n1,\"x\ny\"\n\n2,z\n";
    struct memory m = {text, sizeof text - 1, 0, 5};
    struct csv_reader *r = csv_reader_new(read_memory, &m, CSV_UTF8, 0, 1);
    arena_auto a = arena_new();
    struct csv_row row;
    csv_next(r, a, &row, NULL);
    csv_next(r, a, &row, NULL);
    int64_t offset = row.next, line = row.next_line;
    csv_reader_free(r);
    m = (struct memory){text, sizeof text - 1, (size_t)offset, 5};
    r = csv_reader_new(read_memory, &m, CSV_UTF8, offset, line);
    g_assert_true(csv_next(r, a, &row, NULL));
    g_assert_cmpstr(row.fields[1].text, ==, "z");
    g_assert_cmpint(row.line, ==, 5);
    g_assert_false(csv_next(r, a, &row, NULL));
    csv_reader_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/csv/rows", rows_as_rfc_4180_has_them);
    g_test_add_func("/csv/broken", broken_rows_do_not_spoil_the_rest);
    g_test_add_func("/csv/long", long_rows_end);
    g_test_add_func("/csv/encodings", chinese_encodings);
    g_test_add_func("/csv/offset", reading_goes_on_from_an_offset);
    return g_test_run();
}
