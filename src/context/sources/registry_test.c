/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of registrations: what is refused, and which requests they concern. */
#include "context/sources/registry.h"

#include <string.h>

static struct json *parse(struct arena *a, const char *text)
{
    struct error e = {0};
    struct json *v = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return v;
}

#define HEAD "{\"type\": \"ContextSourceRegistration\", \"endpoint\": \"http://source:1026/\", "

static struct registration *made(const char *rest)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct registration *r = registration_parse(parse(a, rest), NULL, NULL, &e);
    g_assert_cmpstr(e.en, ==, "");
    return r;
}

static void test_operations(void)
{
    g_assert_cmpint(__builtin_popcountll(operation_bits("federationOps")), ==, 19);
    g_assert_cmpint(__builtin_popcountll(operation_bits("associationOps")), ==, 15);
    g_assert_cmpint(__builtin_popcountll(operation_bits("updateOps")), ==, 4);
    g_assert_cmpint(__builtin_popcountll(operation_bits("retrieveOps")), ==, 2);
    g_assert_cmpint(__builtin_popcountll(operation_bits("redirectionOps")), ==, 23);
    g_assert_cmpuint(operation_bits("mergeEntity"), ==, OPERATION_BIT(OP_MERGE_ENTITY));
    g_assert_cmpuint(operation_bits("nothing"), ==, 0);
    g_assert_cmpstr(operation_name(OP_RETRIEVE_CONTEXT_SOURCE_IDENTITY), ==, "retrieveContextSourceIdentity");
}

static void test_parse(void)
{
    registration_auto r = made(
        HEAD "\"information\": [{\"entities\": [{\"type\": \"Room\", \"id\": \"urn:a:1\"}], "
             "\"propertyNames\": [\"https://uri.etsi.org/ngsi-ld/default-context/temp\"], "
             "\"relationshipNames\": [\"https://x.org/in\"]}], \"mode\": \"exclusive\", "
             "\"operations\": [\"retrieveOps\", \"mergeEntity\"], "
             "\"management\": {\"timeout\": 500, \"cooldown\": 2000, \"localOnly\": true, "
             "\"cacheDuration\": \"PT10S\"}, \"contextSourceInfo\": [{\"key\": \"Authorization\", "
             "\"value\": \"urn:ngsi-ld:request\"}, {\"key\": \"ngsildConformance\", \"value\": \"1.5\"}, "
             "{\"key\": \"Content-Length\", \"value\": \"3\"}], \"timesSent\": 7, "
             "\"scope\": \"/a/b\"}");
    g_assert_cmpstr(r->endpoint, ==, "http://source:1026");
    g_assert_cmpint(r->mode, ==, REGISTRATION_EXCLUSIVE);
    g_assert_cmpstr(r->info[0].attributes[0], ==, "temp");
    g_assert_cmpstr(r->info[0].attributes[1], ==, "https://x.org/in");
    g_assert_cmpuint(r->operations, ==, operation_bits("retrieveOps") | OPERATION_BIT(OP_MERGE_ENTITY));
    g_assert_cmpint(r->timeout_ms, ==, 500);
    g_assert_cmpint(r->cooldown_ms, ==, 2000);
    g_assert_true(r->local_only);
    g_assert_cmpint(r->cache_us, ==, 10 * INSTANT_SECOND);
    g_assert_cmpstr(r->headers[0], ==, "Authorization");
    g_assert_null(r->headers[2]);
    g_assert_cmpint(r->conformance, ==, 1005);
    g_assert_cmpint(r->sent, ==, 0);
    g_assert_true(g_str_has_prefix(r->id, "urn:ngsi-ld:ContextSourceRegistration:"));
}

static void test_refused(void)
{
    static const char *const rows[][2] = {
        {"[]", "type"},
        {"{\"type\": \"Registration\"}", "type"},
        {"{\"type\": \"ContextSourceRegistration\", \"information\": [{\"propertyNames\": [\"a\"]}]}",
         "endpoint"},
        {HEAD "\"information\": []}", "information"},
        {HEAD "\"information\": [{}]}", "information"},
        {HEAD "\"information\": [{\"entities\": []}]}", "entities"},
        {HEAD "\"information\": [{\"entities\": [{\"id\": \"urn:a:1\"}]}]}", "type"},
        {HEAD "\"information\": [{\"entities\": [{\"id\": \"a b\", \"type\": \"A\"}]}]}", "id"},
        {HEAD "\"information\": [{\"entities\": [{\"idPattern\": \"(\", \"type\": \"A\"}]}]}", "idPattern"},
        {HEAD "\"information\": [{\"propertyNames\": []}]}", "propertyNames"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a b\"]}]}", "a b"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"mode\": \"shared\"}", "mode"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"mode\": \"exclusive\"}", "exclusive"},
        {HEAD "\"information\": [{\"entities\": [{\"id\": \"urn:a:1\", \"type\": \"A\"}]}], \"mode\": "
              "\"exclusive\"}",
         "exclusive"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"mode\": \"auxiliary\"}", "auxiliary"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"operations\": [\"readEntity\"]}",
         "readEntity"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"expiresAt\": \"tomorrow\"}", "expiresAt"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"location\": {\"type\": \"Point\"}}",
         "location"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"scope\": \"/a//b\"}", "scope"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"observationInterval\": {}}", "startAt"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"management\": {\"timeout\": 0}}",
         "timeout"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"contextSourceInfo\": [{\"key\": "
              "\"accept\", \"value\": \"text/html\"}]}",
         "accept"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"tenant\": \"\"}", "tenant"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"tenant\": null}", "tenant"},
        {HEAD "\"information\": [{\"propertyNames\": [\"a\"]}], \"colour\": 1}", "colour"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        arena_auto a = arena_new();
        struct error e = {0};
        g_assert_null(registration_parse(parse(a, rows[i][0]), NULL, NULL, &e));
        g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
        g_assert_nonnull(strstr(e.en, rows[i][1]));
        g_assert_cmpstr(e.zh, !=, "");
    }
}

/* Which of the attributes asked for a registration covers, as "a,b"; "-" = no match, "*" = all. */
static char *covers(const char *registration, const struct registry_query *q)
{
    arena_auto a = arena_new();
    registration_auto r = made(registration);
    struct registry_match m;
    if (!registration_match(r, a, q, &m)) {
        return g_strdup("-");
    }
    return m.attributes == NULL ? g_strdup("*") : g_strjoinv(",", (char **)m.attributes);
}

#define COVERS(expected, registration, ...)                                                 \
    G_STMT_START                                                                            \
    {                                                                                       \
        g_autofree char *got = covers(registration, &(struct registry_query){__VA_ARGS__}); \
        g_assert_cmpstr(got, ==, expected);                                                 \
    }                                                                                       \
    G_STMT_END
#define INFO(text) HEAD "\"information\": [" text "]}"
#define NAMES(...)                                    \
    .attributes = (const char *const[]){__VA_ARGS__}, \
    .attributes_count = (int)G_N_ELEMENTS(((const char *const[]){__VA_ARGS__}))
#define IDS(...)                               \
    .ids = (const char *const[]){__VA_ARGS__}, \
    .ids_count = (int)G_N_ELEMENTS(((const char *const[]){__VA_ARGS__}))

static void test_entities(void)
{
    type_query_autoptr_target *room = type_query_compile("Room", NULL, NULL);
    const char *by_id = INFO("{\"entities\": [{\"type\": \"Room\", \"id\": \"urn:a:1\"}]}");
    const char *by_pattern = INFO("{\"entities\": [{\"type\": \"Room\", \"idPattern\": \"^urn:a:\"}]}");
    const char *by_type = INFO("{\"entities\": [{\"type\": [\"Hall\", \"Room\"]}]}");
    const char *of_another = INFO("{\"entities\": [{\"type\": \"Hall\"}]}");
    const char *of_any = INFO("{\"propertyNames\": [\"t\"]}");
    COVERS("*", by_id, .type = room);
    COVERS("*", by_id, .type = room, IDS("urn:b:1", "urn:a:1"));
    COVERS("-", by_id, .type = room, IDS("urn:b:1"));
    COVERS("*", by_id, .id_pattern = "a:[0-9]");
    COVERS("-", by_id, .id_pattern = "b");
    COVERS("*", by_pattern, IDS("urn:b:1", "urn:a:9"));
    COVERS("-", by_pattern, IDS("urn:b:1"));
    COVERS("*", by_pattern, .id_pattern = "b"); /* cannot be told */
    COVERS("*", by_type, .type = room, IDS("urn:b:1"));
    COVERS("-", of_another, .type = room);
    COVERS("t", of_any, .type = room, IDS("urn:b:1"));
    type_query_free(room);
}

static void test_attributes(void)
{
    const char *of_any = INFO("{\"entities\": [{\"type\": \"Room\"}]}");
    const char *of_two = INFO("{\"propertyNames\": [\"t\"], \"relationshipNames\": [\"in\"]}");
    const char *in_parts = INFO("{\"entities\": [{\"type\": \"Room\"}], \"propertyNames\": [\"t\"]}, "
                                "{\"entities\": [{\"type\": \"Hall\"}], \"propertyNames\": [\"h\", \"t\"]}");
    arena_auto a = arena_new();
    COVERS("x", of_any, NAMES("x"));
    COVERS("in", of_two, NAMES("x", "in"));
    COVERS("-", of_two, NAMES("x"));
    COVERS("t,in", of_two);
    COVERS("t,h", in_parts);
    COVERS("h", in_parts, NAMES("h"));
    COVERS("-", in_parts, NAMES("h"), .types = parse(a, "[\"Room\"]"));
    COVERS("t", in_parts, NAMES("h", "t"), .types = parse(a, "[\"Room\", \"Cave\"]"));
}

static void test_conditions(void)
{
    const char *source = HEAD "\"information\": [{\"propertyNames\": [\"t\"]}], \"operations\": "
                              "[\"retrieveOps\"], \"datasetId\": [\"urn:d:1\", \"@none\"], "
                              "\"contextSourceAlias\": \"north\", \"description\": \"rooms\"}";
    const char *past = HEAD "\"information\": [{\"propertyNames\": [\"t\"]}], \"observationInterval\": "
                            "{\"startAt\": \"2026-01-01T00:00:00Z\", \"endAt\": \"2026-02-01T00:00:00Z\"}}";
    instant day = INSTANT_SECOND * 86400, january = INSTANT_SECOND * 1767225600;
    q_autoptr_target *csf = q_compile("description==\"rooms\"", NULL, NULL);
    q_autoptr_target *other = q_compile("mode==\"redirect\"", NULL, NULL);
    COVERS("t", source, .operations = OPERATION_BIT(OP_QUERY_ENTITY));
    COVERS("-", source, .operations = OPERATION_BIT(OP_MERGE_ENTITY));
    COVERS("t", source, .datasets = (const char *const[]){"urn:d:2", "@none", NULL});
    COVERS("-", source, .datasets = (const char *const[]){"urn:d:2", NULL});
    COVERS("-", source, .via = "1.1 south, 1.1 north");
    COVERS("t", source, .via = "1.1 northern, 1.1 south (north)");
    COVERS("t", source, .csf = csf);
    COVERS("-", source, .csf = other);
    COVERS("-", past);
    COVERS("-", source, .time = REGISTRY_OBSERVED, .from = january, .to = january);
    COVERS("t", past, .time = REGISTRY_OBSERVED, .from = january + day, .to = january + day);
    COVERS("t", past, .time = REGISTRY_OBSERVED, .from = january - day, .to = january);
    COVERS("-", past, .time = REGISTRY_OBSERVED, .from = january - 2 * day, .to = january - day);
    COVERS("-", past, .time = REGISTRY_MANAGED, .from = january, .to = january + day);
    q_free(csf);
    q_free(other);
}

static void test_space(void)
{
    arena_auto a = arena_new();
    const char *source =
        HEAD "\"information\": [{\"propertyNames\": [\"t\"]}], \"location\": {\"type\": "
             "\"Polygon\", \"coordinates\": [[[106,29],[107,29],[107,30],[106,30],[106,29]]]}}";
    struct {
        const char *georel, *geometry, *coordinates, *covers;
    } rows[] = {
        {"near;maxDistance==10", "Point", "[106.5, 29.5]", "t"},
        {"near;maxDistance==10", "Point", "[108, 29.5]", "-"},
        {"near;minDistance==10", "Point", "[106.5, 29.5]", "t"},
        {"within", "Polygon", "[[[106.9,29],[109,29],[109,30],[106.9,30],[106.9,29]]]", "t"},
        {"within", "Polygon", "[[[108,29],[109,29],[109,30],[108,30],[108,29]]]", "-"},
        {"contains", "Point", "[106.5, 29.5]", "t"},
        {"equals", "Point", "[108, 29.5]", "-"},
        {"disjoint", "Polygon", "[[[105,28],[108,28],[108,31],[105,31],[105,28]]]", "-"},
        {"disjoint", "Point", "[106.5, 29.5]", "t"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct geo_query *geo =
            geo_query_new(rows[i].georel, rows[i].geometry, parse(a, rows[i].coordinates), NULL);
        COVERS(rows[i].covers, source, .geo = geo);
        COVERS("t", source, .geo = geo, .geo_property = "observationSpace");
        geo_query_free(geo);
    }
}

/* What the index finds is what looking at each finds. */
static void test_index(void)
{
    g_autofree char *dir = g_dir_make_tmp("registry-XXXXXX", NULL);
    g_autofree char *data = g_build_filename(dir, "data", NULL);
    struct store_options options = {0};
    struct store *s = store_open(data, &options, NULL);
    struct registry *r = registry_open(s, NULL, NULL);
    static const char *const texts[] = {
        HEAD "\"id\": \"urn:r:1\", \"information\": [{\"entities\": [{\"type\": \"A\", \"id\": \"urn:a:1\"}, "
             "{\"type\": \"A\", \"id\": \"urn:a:2\"}]}]}",
        HEAD "\"id\": \"urn:r:2\", \"mode\": \"redirect\", \"information\": [{\"entities\": [{\"type\": "
             "\"A\"}]}]}",
        HEAD "\"id\": \"urn:r:3\", \"information\": [{\"entities\": [{\"type\": \"A\", \"idPattern\": "
             "\"a:2\"}]}]}",
        HEAD
        "\"id\": \"urn:r:1\", \"information\": [{\"entities\": [{\"type\": \"A\", \"id\": \"urn:a:3\"}]}]}"};
    static const struct {
        int put, count;
        const char *first, *last;
    } steps[] = {{0, 1, "urn:r:1", "urn:r:1"},
                 {1, 2, "urn:r:2", "urn:r:1"},
                 {2, 3, "urn:r:2", "urn:r:3"},
                 {3, 2, "urn:r:2", "urn:r:3"}};
    g_assert_true(registry_is_empty(r));
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        arena_auto a = arena_new();
        registration_auto x = made(texts[steps[i].put]);
        registry_written(r, x->id, x, true);
        struct registry_query q = {IDS("urn:a:2", "urn:a:1")};
        registry_matches_auto m = registry_match(r, a, &q);
        g_assert_cmpint(m.count, ==, steps[i].count);
        g_assert_cmpstr(m.items[0].registration->id, ==, steps[i].first);
        g_assert_cmpstr(m.items[m.count - 1].registration->id, ==, steps[i].last);
    }
    registry_written(r, "urn:r:2", NULL, true);
    registry_written(r, "urn:r:3", NULL, true);
    g_assert_cmpint(registry_count(r), ==, 1);
    registry_close(r);
    store_close(s);
    g_autofree char *remove = g_strdup_printf("rm -r '%s'", dir);
    g_assert_cmpint(system(remove), ==, 0);
}

static void test_report(void)
{
    arena_auto a = arena_new();
    registration_auto r = made(HEAD "\"information\": [{\"propertyNames\": [\"t\"]}], \"management\": "
                                    "{\"cooldown\": 60000}}");
    g_assert_true(registration_may_send(r, instant_now()));
    g_assert_null(json_get(registration_show(a, r, NULL, false), "status"));
    registration_report(r, false);
    g_assert_false(registration_may_send(r, instant_now()));
    g_assert_true(registration_may_send(r, instant_now() + 61 * INSTANT_SECOND));
    registration_report(r, true);
    const struct json *shown = registration_show(a, r, NULL, false);
    g_assert_true(json_streq(json_get(shown, "status"), "ok"));
    g_assert_cmpint(json_get_int(shown, "timesSent", 0), ==, 2);
    g_assert_cmpint(json_get_int(shown, "timesFailed", 0), ==, 1);
    registration_auto again = registration_parse(r->body, NULL, registration_state(a, r), NULL);
    g_assert_cmpint(again->sent, ==, 2);
    g_assert_cmpstr(again->id, ==, r->id);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registry/operations", test_operations);
    g_test_add_func("/registry/parse", test_parse);
    g_test_add_func("/registry/refused", test_refused);
    g_test_add_func("/registry/entities", test_entities);
    g_test_add_func("/registry/attributes", test_attributes);
    g_test_add_func("/registry/conditions", test_conditions);
    g_test_add_func("/registry/space", test_space);
    g_test_add_func("/registry/index", test_index);
    g_test_add_func("/registry/report", test_report);
    return g_test_run();
}
