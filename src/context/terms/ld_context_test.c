/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of @contexts: expansion, compaction, what is refused. */
#include "context/terms/ld_context.h"

#include <string.h>

static struct json *parse(struct arena *a, const char *text)
{
    struct error e = {0};
    struct json *v = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return v;
}

static struct ld_context *context(const char *text)
{
    arena_auto a = arena_new();
    struct ld_context *c = NULL;
    struct error e = {0};
    ld_context_parse(parse(a, text), NULL, &c, &e);
    g_assert_cmpstr(e.en, ==, "");
    return c;
}

static void test_core_only(void)
{
    arena_auto a = arena_new();
    static const char *const pairs[][2] = {
        {"pm25", "pm25"},
        {"温度", "温度"},
        {"location", "location"},
        {"https://uri.etsi.org/ngsi-ld/default-context/pm25", "pm25"},
        {"https://uri.etsi.org/ngsi-ld/location", "location"},
        {"ngsi-ld:location", "location"},
        {"http://purl.org/dc/terms/title", "title"},
        {"https://uri.etsi.org/ngsi-ld/default-context/location",
         "https://uri.etsi.org/ngsi-ld/default-context/location"}, /* not the core's location */
        {"https://example.org/a", "https://example.org/a"},
        {"ex:a", "ex:a"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_assert_cmpstr(ld_expand(NULL, a, pairs[i][0]), ==, pairs[i][1]);
    }
    g_assert_cmpstr(ld_compact(NULL, a, "pm25"), ==, "pm25");
    g_assert_cmpstr(ld_iri(a, "pm25"), ==, "https://uri.etsi.org/ngsi-ld/default-context/pm25");
    g_assert_cmpstr(ld_iri(a, "title"), ==, "http://purl.org/dc/terms/title");
}

static void test_there_and_back(void)
{
    arena_auto a = arena_new();
    ld_context_auto c =
        context("[{\"ex\": \"https://example.org/\", \"level\": \"ex:waterLevel\", \"speed\": "
                "{\"@id\": \"https://speed.org/s\", \"@type\": \"xsd:double\"}, \"Alias\": \"level\","
                "\"status\": \"https://example.org/status\", \"local\": {\"@type\": \"@id\"}, "
                "\"gone\": null, \"pm25\": \"https://example.org/pm\"},"
                "\"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld\"]");
    static const char *const rows[][3] = {
        /* client, stored, compacted */
        {"level", "https://example.org/waterLevel", "level"},
        {"ex:waterLevel", "https://example.org/waterLevel", "level"},
        {"ex:other", "https://example.org/other", "ex:other"},
        {"speed", "https://speed.org/s", "speed"},
        {"Alias", "https://example.org/waterLevel", "level"},
        {"status", "status", "status"}, /* the core's terms are protected */
        {"local", "local", "local"},
        {"gone", "gone", "gone"},
        {"unknown", "unknown", "unknown"},
        {"https://other.org/x", "https://other.org/x", "https://other.org/x"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpstr(ld_expand(c, a, rows[i][0]), ==, rows[i][1]);
        g_assert_cmpstr(ld_compact(c, a, rows[i][1]), ==, rows[i][2]);
    }
    /* the stored short name pm25 is another thing than the context's pm25 */
    g_assert_cmpstr(ld_compact(c, a, "pm25"), ==, "https://uri.etsi.org/ngsi-ld/default-context/pm25");
}

static void test_later_definitions_win(void)
{
    arena_auto a = arena_new();
    ld_context_auto c = context(
        "[{\"v\": \"https://e.org/old\", \"gone\": \"https://e.org/gone\", \"p\": \"https://p.org/\"},"
        " {\"v\": \"https://e.org/new\", \"gone\": null, \"p\": \"https://q.org/\"}]");
    g_assert_cmpstr(ld_expand(c, a, "v"), ==, "https://e.org/new");
    g_assert_cmpstr(ld_compact(c, a, "https://e.org/new"), ==, "v");
    g_assert_cmpstr(ld_compact(c, a, "https://e.org/old"), ==, "https://e.org/old");
    g_assert_cmpstr(ld_expand(c, a, "gone"), ==, "gone");
    g_assert_cmpstr(ld_compact(c, a, "https://e.org/gone"), ==, "https://e.org/gone");
    g_assert_cmpstr(ld_compact(c, a, "https://p.org/x"), ==, "https://p.org/x");
    g_assert_cmpstr(ld_compact(c, a, "https://q.org/x"), ==, "p:x");
}

static void test_nothing_but_core(void)
{
    g_assert_null(context("\"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld\""));
    g_assert_null(context("[]"));
    g_assert_null(context("{\"@vocab\": \"https://example.org/\"}"));
}

static void test_refused(void)
{
    static const struct {
        const char *text;
        enum error_code code;
    } rows[] = {
        {"\"https://example.org/context.jsonld\"", ERROR_CONTEXT_UNAVAILABLE},
        {"[{\"a\": \"https://e.org/a\"}, \"https://example.org/context.jsonld\"]", ERROR_CONTEXT_UNAVAILABLE},
        {"7", ERROR_BAD_REQUEST_DATA},
        {"[7]", ERROR_BAD_REQUEST_DATA},
        {"\"no url\"", ERROR_BAD_REQUEST_DATA},
        {"{\"a\": 7}", ERROR_BAD_REQUEST_DATA},
        {"{\"a\": \"b\", \"b\": \"a\"}", ERROR_BAD_REQUEST_DATA},
        {"{\"a\": \"a:x\"}", ERROR_BAD_REQUEST_DATA},
        {"{\"https://uri.etsi.org/ngsi-ld/x\": \"https://e.org/x\"}", ERROR_BAD_REQUEST_DATA},
        {"{\"ex\": \"https://e.org/\", \"ex:x\": \"https://e.org/y\"}", ERROR_BAD_REQUEST_DATA},
        {"{\"a\": {\"@id\": \"https://e.org/a\", \"@context\": {}}}", ERROR_BAD_REQUEST_DATA},
        {"{\"a\": \"https://e.org/a b\"}", ERROR_BAD_REQUEST_DATA},
        {"{\"@vocab\": 1}", ERROR_BAD_REQUEST_DATA},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        arena_auto a = arena_new();
        struct ld_context *c = NULL;
        struct error e = {0};
        g_assert_false(ld_context_parse(parse(a, rows[i].text), NULL, &c, &e));
        g_assert_cmpint(e.code, ==, rows[i].code);
        g_assert_true(e.en[0] != '\0' && e.zh[0] != '\0' && c == NULL);
    }
}

static void test_names(void)
{
    static const char *const good[] = {"a", "pm25", "气温", "été_2", "ex:a", "https://e.org/a.b", "urn:x:y"};
    static const char *const bad[] = {"",    "2a", "_a",     "a b", "a-b", "a.b",  "a<b",
                                      "a\"", "@a", "ex:a b", ":a",  "a:",  "é\xff"};
    bool plain;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(ld_valid_name(good[i], strlen(good[i]), &plain));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(ld_valid_name(bad[i], strlen(bad[i]), &plain));
    }
    g_assert_false(ld_valid_uri("urn:", 4));
    g_assert_false(ld_valid_uri("1rn:a", 5));
    g_assert_false(ld_valid_uri("urn:a{b}", 8));
    g_assert_true(ld_valid_uri("urn:ngsi-ld:Device:渝中", strlen("urn:ngsi-ld:Device:渝中")));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ld_context/core-only", test_core_only);
    g_test_add_func("/ld_context/there-and-back", test_there_and_back);
    g_test_add_func("/ld_context/later-definitions-win", test_later_definitions_win);
    g_test_add_func("/ld_context/nothing-but-core", test_nothing_but_core);
    g_test_add_func("/ld_context/refused", test_refused);
    g_test_add_func("/ld_context/names", test_names);
    return g_test_run();
}
