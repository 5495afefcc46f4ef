/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of ingest and render: every kind of attribute in every representation, and what is refused. */
#include "context/entity/ingest.h"

#include <string.h>

#include "context/entity/entity.h"
#include "context/query/render.h"

static struct json *parse(struct arena *a, const char *text)
{
    struct error e = {0};
    struct json *v = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return v;
}

/* The stored form of one attribute sent as text. */
static const char *stored(struct arena *a, const char *attribute, int flags)
{
    struct error e = {0};
    const char *payload = arena_printf(a, "{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": %s}", attribute);
    struct json *entity = ingest_entity(a, parse(a, payload), NULL, flags, &e);
    g_assert_cmpstr(e.en, ==, "");
    return json_text(a, json_get(entity, "x"));
}

/* Each kind: as sent in four ways, as stored, and as shown concise and simplified (normalized is the first
 * way). */
static const struct {
    const char *normalized, *concise, *simplified, *stored;
} kinds[] = {
    {"{\"type\":\"Property\",\"value\":12.5}", "12.5", "12.5", "{\"type\":\"Property\",\"value\":12.5}"},
    {"{\"type\":\"Property\",\"value\":{\"a\":1}}", "{\"value\":{\"a\":1}}", "{\"a\":1}",
     "{\"type\":\"Property\",\"value\":{\"a\":1}}"},
    {"{\"type\":\"Property\",\"value\":[1,\"b\",true]}", "[1,\"b\",true]", "[1,\"b\",true]",
     "{\"type\":\"Property\",\"value\":[1,\"b\",true]}"},
    {"{\"type\":\"Property\",\"value\":1,\"unitCode\":\"CEL\",\"observedAt\":\"2026-03-01T00:00:00Z\"}",
     "{\"value\":1,\"unitCode\":\"CEL\",\"observedAt\":\"2026-03-01T00:00:00Z\"}", NULL,
     "{\"type\":\"Property\",\"value\":1,\"unitCode\":\"CEL\",\"observedAt\":\"2026-03-01T00:00:00Z\"}"},
    {"{\"type\":\"Property\",\"value\":1,\"accuracy\":{\"type\":\"Property\",\"value\":0.1}}",
     "{\"value\":1,\"accuracy\":0.1}", NULL,
     "{\"type\":\"Property\",\"value\":1,\"accuracy\":{\"type\":\"Property\",\"value\":0.1}}"},
    {"{\"type\":\"Relationship\",\"object\":\"urn:b:1\"}", "{\"object\":\"urn:b:1\"}", NULL,
     "{\"type\":\"Relationship\",\"object\":\"urn:b:1\"}"},
    {"{\"type\":\"Relationship\",\"object\":[\"urn:b:1\",\"urn:b:2\"],\"objectType\":\"B\"}",
     "{\"object\":[\"urn:b:1\",\"urn:b:2\"],\"objectType\":\"B\"}", NULL,
     "{\"type\":\"Relationship\",\"object\":[\"urn:b:1\",\"urn:b:2\"],\"objectType\":[\"B\"]}"},
    {"{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[106.5,29.5]}}",
     "{\"type\":\"Point\",\"coordinates\":[106.5,29.5]}", "{\"type\":\"Point\",\"coordinates\":[106.5,29.5]}",
     "{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[106.5,29.5]}}"},
    {"{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"渝\",\"en\":\"Yu\"}}",
     "{\"languageMap\":{\"zh\":\"渝\",\"en\":\"Yu\"}}", "{\"languageMap\":{\"zh\":\"渝\",\"en\":\"Yu\"}}",
     "{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"渝\",\"en\":\"Yu\"}}"},
    {"{\"type\":\"VocabProperty\",\"vocab\":[\"on\",\"off\"]}", "{\"vocab\":[\"on\",\"off\"]}",
     "{\"vocab\":[\"on\",\"off\"]}", "{\"type\":\"VocabProperty\",\"vocab\":[\"on\",\"off\"]}"},
    {"{\"type\":\"ListProperty\",\"valueList\":[3,1,2]}", "{\"valueList\":[3,1,2]}", NULL,
     "{\"type\":\"ListProperty\",\"valueList\":[3,1,2]}"},
    {"{\"type\":\"ListRelationship\",\"objectList\":[{\"object\":\"urn:b:1\"},{\"object\":\"urn:b:2\"}]}",
     "{\"objectList\":[\"urn:b:1\",\"urn:b:2\"]}", NULL,
     "{\"type\":\"ListRelationship\",\"objectList\":[\"urn:b:1\",\"urn:b:2\"]}"},
    {"{\"type\":\"JsonProperty\",\"json\":{\"id\":\"no uri\",\"type\":7,\"n\":null}}",
     "{\"json\":{\"id\":\"no uri\",\"type\":7,\"n\":null}}",
     "{\"json\":{\"id\":\"no uri\",\"type\":7,\"n\":null}}",
     "{\"type\":\"JsonProperty\",\"json\":{\"id\":\"no uri\",\"type\":7,\"n\":null}}"},
    {"[{\"type\":\"Property\",\"value\":1},{\"type\":\"Property\",\"value\":2,\"datasetId\":\"urn:d:2\"}]",
     "[{\"value\":1},{\"value\":2,\"datasetId\":\"urn:d:2\"}]", "{\"dataset\":{\"@none\":1,\"urn:d:2\":2}}",
     "[{\"type\":\"Property\",\"value\":1},{\"type\":\"Property\",\"value\":2,\"datasetId\":\"urn:d:2\"}]"},
};

static char *shown(const char *text, enum render_format format)
{
    arena_auto a = arena_new();
    struct render r = {.arena = a, .format = format};
    g_autoptr(GString) out = g_string_new(NULL);
    render_attribute(out, parse(a, text), &r);
    return g_strdup(out->str);
}

static void test_kinds(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        arena_auto a = arena_new();
        g_autofree char *normalized = shown(kinds[i].stored, RENDER_NORMALIZED);
        g_autofree char *concise = shown(kinds[i].stored, RENDER_CONCISE);
        g_autofree char *simplified = shown(kinds[i].stored, RENDER_SIMPLIFIED);
        g_assert_cmpstr(stored(a, kinds[i].normalized, 0), ==, kinds[i].stored);
        g_assert_cmpstr(normalized, ==, kinds[i].normalized);
        g_assert_cmpstr(concise, ==, kinds[i].concise);
        if (kinds[i].concise[0] != '[' ||
            kinds[i].stored[0] != '[') { /* a bare 1 beside instances is a value */
            g_assert_cmpstr(stored(a, kinds[i].concise, 0), ==, kinds[i].stored);
        }
        if (kinds[i].simplified != NULL) { /* the others lose something, and do not come back */
            g_assert_cmpstr(simplified, ==, kinds[i].simplified);
            g_assert_cmpstr(stored(a, kinds[i].simplified, 0), ==, kinds[i].stored);
        }
    }
}

static void test_times_are_utc(void)
{
    arena_auto a = arena_new();
    g_assert_cmpstr(stored(a, "{\"value\": 1, \"observedAt\": \"2026-03-01T08:00:00.500+08:00\"}", 0), ==,
                    "{\"type\":\"Property\",\"value\":1,\"observedAt\":\"2026-03-01T00:00:00.500Z\"}");
}

static void test_own_members_are_left_out(void)
{
    arena_auto a = arena_new();
    g_assert_cmpstr(
        stored(a, "{\"value\": 1, \"createdAt\": \"x\", \"modifiedAt\": 3, \"datasetId\": \"@none\"}", 0), ==,
        "{\"type\":\"Property\",\"value\":1}");
}

static void test_head(void)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct json *entity = ingest_entity(a,
                                        parse(a, "{\"@id\": \"urn:a:1\", \"@type\": [\"A\", \"B\", \"A\"], "
                                                 "\"scope\": [\"/渝中区/大坪街道\", \"Madrid\"]}"),
                                        NULL, INGEST_ID | INGEST_TYPE, &e);
    g_assert_cmpstr(
        json_text(a, entity), ==,
        "{\"id\":\"urn:a:1\",\"type\":[\"A\",\"B\"],\"scope\":[\"/渝中区/大坪街道\",\"/Madrid\"]}");
}

static void test_context_applies_everywhere(void)
{
    arena_auto a = arena_new();
    struct error e = {0};
    ld_context_auto ctx = NULL;
    g_assert_true(ld_context_parse(
        parse(a, "{\"ex\": \"https://e.org/\", \"x\": \"ex:x\", \"T\": \"ex:T\", \"on\": \"ex:on\"}"), NULL,
        &ctx, &e));
    struct json *entity = ingest_entity(
        a,
        parse(a, "{\"id\": \"urn:a:1\", \"type\": \"T\", \"x\": {\"value\": 1, \"x\": {\"vocab\": \"on\"}}}"),
        ctx, INGEST_ID | INGEST_TYPE, &e);
    g_assert_cmpstr(json_text(a, entity), ==,
                    "{\"id\":\"urn:a:1\",\"type\":[\"https://e.org/T\"],\"https://e.org/"
                    "x\":{\"type\":\"Property\",\"value\":1,"
                    "\"https://e.org/x\":{\"type\":\"VocabProperty\",\"vocab\":\"https://e.org/on\"}}}");
    struct render r = {.arena = a, .ctx = ctx};
    g_autoptr(GString) out = g_string_new(NULL);
    render_entity(out, entity, &r);
    g_assert_cmpstr(out->str, ==,
                    "{\"id\":\"urn:a:1\",\"type\":\"T\",\"x\":{\"type\":\"Property\",\"value\":1,"
                    "\"x\":{\"type\":\"VocabProperty\",\"vocab\":\"on\"}}}");
}

static void test_nulls(void)
{
    arena_auto a = arena_new();
    static const char *const nulls[] = {
        "\"urn:ngsi-ld:null\"",
        "{\"type\":\"Relationship\",\"object\":\"urn:ngsi-ld:null\"}",
        "{\"languageMap\":{\"@none\":\"urn:ngsi-ld:null\"}}",
        "{\"valueList\":[\"urn:ngsi-ld:null\"]}",
        "{\"objectList\":[\"urn:ngsi-ld:null\"]}",
        "{\"vocab\":\"urn:ngsi-ld:null\"}",
        "{\"json\":\"urn:ngsi-ld:null\"}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(nulls); i++) {
        struct error e = {0};
        const char *text = stored(a, nulls[i], INGEST_NULLS);
        g_assert_true(instance_is_null(parse(a, text)));
        const char *payload = arena_printf(a, "{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": %s}", nulls[i]);
        g_assert_null(ingest_entity(a, parse(a, payload), NULL, 0, &e));
        g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
    }
}

/* What is refused, and a piece of the sentence that says why. */
static const char *const refused[][2] = {
    {"7", "must be a JSON object"},
    {"{}", "\"id\""},
    {"{\"id\": \"urn:a:1\"}", "\"type\""},
    {"{\"id\": 7, \"type\": \"A\"}", "id must be a URI"},
    {"{\"id\": \"no uri\", \"type\": \"A\"}", "no uri"},
    {"{\"id\": \"urn:a:<script>\", \"type\": \"A\"}", "id must be a URI"},
    {"{\"id\": \"urn:a:1\", \"type\": []}", "between 1 and"},
    {"{\"id\": \"urn:a:1\", \"type\": \"a b\"}", "a b"},
    {"{\"id\": \"urn:a:1\", \"type\": 7}", "type"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"scope\": \"/a//b\"}", "scope"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"scope\": \"9bad\"}", "scope"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x y\": 1}", "x y"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": null}", "x: null"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"type\": \"Property\"}}", "needs \"value\""},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"type\": \"Porperty\", \"value\": 1}}", "Porperty"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"type\": \"Property\", \"object\": \"urn:b:1\", "
     "\"value\": 1}}",
     "\"object\""},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"object\": \"no uri\"}}", "object must be a URI"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"object\": []}}", "at least one"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"value\": 1, \"observedAt\": \"yesterday\"}}",
     "observedAt"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"value\": 1, \"observedAt\": "
     "\"2026-02-30T00:00:00Z\"}}",
     "observedAt"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"value\": 1, \"unitCode\": 7}}", "unitCode"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"object\": \"urn:b:1\", \"unitCode\": \"CEL\"}}",
     "unitCode"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"value\": 1, \"datasetId\": \"d\"}}", "datasetId"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": "
     "[{\"value\":1,\"datasetId\":\"urn:d:1\"},{\"value\":2,\"datasetId\":\"urn:d:1\"}]}",
     "urn:d:1"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"type\": \"Point\", \"coordinates\": [200, 0]}}", "x"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"type\": \"GeoProperty\", \"value\": \"POINT(1 2)\"}}",
     "GeoJSON"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"type\": \"Polygon\", \"coordinates\": "
     "[[[0,0],[1,0],[1,1],[0,1]]]}}",
     "x"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"languageMap\": {\"not a tag\": \"x\"}}}", "not a tag"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"languageMap\": {\"zh\": 7}}}", "zh"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"vocab\": 7}}", "vocab"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"valueList\": 7}}", "valueList"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"objectList\": [7]}}", "objectList"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"objectList\": [{}]}}", "objectList"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"json\": 7}}", "json"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"value\": {\"@type\": \"DateTime\", \"@value\": "
     "\"soon\"}}}",
     "DateTime"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"value\": {\"a\": \"urn:ngsi-ld:null\"}}}",
     "urn:ngsi-ld:null"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"x\": {\"value\": 1, \"y\": {\"value\": 1, \"z z\": 1}}}",
     "z z"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"ngsi-ld:location\": 1, \"location\": 2}", "twice"},
    {"{\"id\": \"urn:a:1\", \"type\": \"A\", \"a\": "
     "{\"value\":1,\"b\":{\"value\":1,\"c\":{\"value\":1,\"d\":{\"value\":1,\"e\":{"
     "\"value\":1,\"f\":{\"value\":1,\"g\":{\"value\":1}}}}}}}}",
     "levels deep"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        arena_auto a = arena_new();
        struct error e = {0};
        struct json *entity = context_ingest(a, parse(a, refused[i][0]), NULL, false, &e);
        g_test_message("%s → %s", refused[i][0], e.en);
        g_assert_null(entity);
        g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
        g_assert_nonnull(strstr(e.en, refused[i][1]));
        g_assert_true(e.zh[0] != '\0');
    }
}

static void test_languages(void)
{
    arena_auto a = arena_new();
    const struct json *map = parse(a, "{\"zh-Hans\":\"渝\",\"en\":\"Yu\",\"@none\":\"?\"}");
    static const char *const rows[][2] = {{"en", "en"},        {"zh", "zh-Hans"},
                                          {"en-GB", "en"},     {"de", "@none"},
                                          {"de,*", "zh-Hans"}, {"de;q=0.9,en;q=0.5,zh;q=0.8", "zh-Hans"}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *language;
        render_language(map, rows[i][0], &language);
        g_assert_cmpstr(language, ==, rows[i][1]);
    }
}

static void test_projection_and_features(void)
{
    arena_auto a = arena_new();
    const struct json *entity = parse(
        a, "{\"id\":\"urn:a:1\",\"type\":[\"A\",\"B\"],\"scope\":[\"/x\"],\"createdAt\":1772323200000000,"
           "\"modifiedAt\":1772323200000000,\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":"
           "\"Point\","
           "\"coordinates\":[1,2]}},\"y\":{\"type\":\"Property\",\"value\":1,\"createdAt\":1772323200000000,"
           "\"modifiedAt\":1772323200000000}}");
    const char *const pick[] = {"id", "y", NULL}, *const omit[] = {"location", "scope", NULL};
    struct render r = {.arena = a, .pick = pick, .format = RENDER_CONCISE};
    g_autoptr(GString) out = g_string_new(NULL);
    render_entity(out, entity, &r);
    g_assert_cmpstr(out->str, ==, "{\"id\":\"urn:a:1\",\"y\":1}");
    r = (struct render){.arena = a, .omit = omit, .sys_attrs = true};
    g_string_truncate(out, 0);
    render_entity(out, entity, &r);
    g_assert_cmpstr(
        out->str, ==,
        "{\"id\":\"urn:a:1\",\"type\":[\"A\",\"B\"],\"createdAt\":\"2026-03-01T00:00:00Z\",\"modifiedAt\":"
        "\"2026-03-01T00:00:00Z\",\"y\":{\"type\":\"Property\",\"value\":1,\"createdAt\":\"2026-03-01T00:00:"
        "00Z\","
        "\"modifiedAt\":\"2026-03-01T00:00:00Z\"}}");
    r = (struct render){.arena = a, .format = RENDER_SIMPLIFIED};
    g_string_truncate(out, 0);
    render_feature(out, entity, &r);
    g_assert_cmpstr(
        out->str, ==,
        "{\"id\":\"urn:a:1\",\"type\":\"Feature\",\"properties\":{\"type\":[\"A\",\"B\"],\"scope\":\"/x\","
        "\"location\":{\"type\":\"Point\",\"coordinates\":[1,2]},\"y\":1},\"geometry\":{\"type\":\"Point\","
        "\"coordinates\":[1,2]}}");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ingest/kinds", test_kinds);
    g_test_add_func("/ingest/times-are-utc", test_times_are_utc);
    g_test_add_func("/ingest/own-members", test_own_members_are_left_out);
    g_test_add_func("/ingest/head", test_head);
    g_test_add_func("/ingest/context", test_context_applies_everywhere);
    g_test_add_func("/ingest/nulls", test_nulls);
    g_test_add_func("/ingest/refused", test_refused);
    g_test_add_func("/render/languages", test_languages);
    g_test_add_func("/render/projection", test_projection_and_features);
    return g_test_run();
}
