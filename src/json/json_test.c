/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the JSON tree. */
#include "json/json.h"

#include <glib.h>
#include <stddef.h>
#include <string.h>

static struct json *parse(struct arena *a, const char *text)
{
    struct error e = {0};
    struct json *v = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    g_assert_nonnull(v);
    return v;
}

static void round_trips(void)
{
    arena_auto a = arena_new();
    static const char *const texts[] = {
        "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"盖\\n\\\"\"},\"e\":-0.5,\"f\":12.25,\"h\":{}}",
        "[0,-9223372036854775808,9223372036854775807,0.1,1e+300,123456.7891,-3.0000001]", "\"x\\u0001\"",
        "\"\\\\u0000\"", "12.5"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_assert_cmpstr(json_text(a, parse(a, texts[i])), ==, texts[i]);
    }
    g_assert_cmpstr(json_text(a, parse(a, "{\"a\":1,\"b\":2,\"a\":[3]}")), ==, "{\"a\":[3],\"b\":2}");
    g_assert_cmpstr(json_text(a, parse(a, "1e2")), ==, "100");
    g_assert_cmpstr(json_text(a, parse(a, "18446744073709551615")), ==, "1.8446744073709552e+19");
}

static void broken_text_is_refused(void)
{
    arena_auto a = arena_new();
    g_autofree char *deep = g_strnfill(200, '[');
    const char *const bad[] = {"",
                               " ",
                               "{",
                               "[1,]",
                               "{\"a\" 1}",
                               "nul",
                               "01",
                               "1e999",
                               "\"\\u0000\"",
                               "\"\\\\\\u0000\"",
                               "{\"a\\u0000\":1}",
                               "\"\xff\"",
                               "[1] 2",
                               "NaN",
                               "Infinity",
                               "'a'",
                               "\"a\nb\"",
                               deep};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct error e = {0};
        g_assert_null(json_parse(a, bad[i], strlen(bad[i]), &e));
        g_assert_cmpint(e.code, ==, ERROR_INVALID_REQUEST);
        g_assert_cmpint(strlen(e.zh), >, 0);
    }
}

static void members_change(void)
{
    arena_auto a = arena_new();
    struct json *v = parse(a, "{\"a\":1,\"b\":2,\"c\":3}");
    json_set(a, v, "b", json_string(a, "two"));
    json_remove(v, "c");
    json_set(a, v, "d", json_bool(a, true));
    g_assert_nonnull(json_remove(v, "a"));
    g_assert_null(json_remove(v, "a"));
    g_assert_cmpstr(json_text(a, v), ==, "{\"b\":\"two\",\"d\":true}");
    g_assert_cmpuint(v->length, ==, 2);
    json_set(a, v, "d", json_null(a));
    json_append(v, json_int(a, 1))->key = "z";
    g_assert_cmpuint(v->last->integer, ==, 1);
}

static void merge_patch_follows_rfc_7396(void)
{
    static const char *const cases[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\"]", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
    };
    arena_auto a = arena_new();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct json *merged = json_merge_patch(a, parse(a, cases[i][0]), parse(a, cases[i][1]));
        g_assert_cmpstr(json_text(a, merged), ==, cases[i][2]);
    }
}

static void equality_ignores_order_of_members(void)
{
    arena_auto a = arena_new();
    g_assert_true(json_equal(parse(a, "{\"a\":1,\"b\":[2.0]}"), parse(a, "{\"b\":[2],\"a\":1.0}")));
    g_assert_false(json_equal(parse(a, "{\"a\":1}"), parse(a, "{\"a\":1,\"b\":2}")));
    g_assert_false(json_equal(parse(a, "[1,2]"), parse(a, "[2,1]")));
    g_autoptr(GString) one = g_string_new(NULL);
    json_write_canonical(one, parse(a, "{\"b\":{\"z\":1,\"y\":2},\"a\":1.50}"));
    g_assert_cmpstr(one->str, ==, "{\"a\":1.5,\"b\":{\"y\":2,\"z\":1}}");
}

static void tables_read_objects(void)
{
    struct thing {
        const char *name;
        int64_t count;
        double weight;
        bool on;
        int64_t span;
    } t = {.count = 7};
    static const struct json_field fields[] = {
        {"name", FIELD_STRING, offsetof(struct thing, name), true},
        {"count", FIELD_INT, offsetof(struct thing, count), false},
        {"weight", FIELD_DOUBLE, offsetof(struct thing, weight), false},
        {"on", FIELD_BOOL, offsetof(struct thing, on), false},
        {"span", FIELD_SPAN, offsetof(struct thing, span), false},
        {0},
    };
    arena_auto a = arena_new();
    struct error e = {0};
    g_assert_true(json_read(parse(a, "{\"name\":\"x\",\"weight\":2,\"on\":true,\"span\":\"1m\"}"), fields, &t,
                            false, &e));
    g_assert_cmpstr(t.name, ==, "x");
    g_assert_cmpint(t.count, ==, 7);
    g_assert_cmpfloat(t.weight, ==, 2);
    g_assert_cmpint(t.span, ==, 60000000);
    g_assert_false(json_read(parse(a, "{\"name\":\"x\",\"colour\":1}"), fields, &t, false, &e));
    g_assert_cmpstr(e.en, ==, "Unknown member \"colour\"; known are: name, count, weight, on, span");
    g_assert_true(json_read(parse(a, "{\"name\":\"x\",\"colour\":1}"), fields, &t, true, &e));
    g_assert_false(json_read(parse(a, "{\"name\":1}"), fields, &t, false, &e));
    g_assert_cmpstr(e.en, ==, "name must be a text");
    g_assert_cmpstr(e.zh, ==, "name 必须是文本");
    g_assert_false(json_read(parse(a, "{}"), fields, &t, false, &e));
    g_assert_cmpstr(e.en, ==, "name is missing");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/round_trips", round_trips);
    g_test_add_func("/json/broken", broken_text_is_refused);
    g_test_add_func("/json/members", members_change);
    g_test_add_func("/json/merge_patch", merge_patch_follows_rfc_7396);
    g_test_add_func("/json/equality", equality_ignores_order_of_members);
    g_test_add_func("/json/tables", tables_read_objects);
    return g_test_run();
}
