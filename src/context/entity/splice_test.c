/* SPDX-License-Identifier: Apache-2.0 */
/* The stored text with what is not shown left out equals what the renderer writes from the tree. */
#include "context/entity/splice.h"

#include <string.h>

#include "context/query/render.h"

static void check(const char *stored, bool possible)
{
    arena_auto a = arena_new();
    struct error e = {0};
    g_autoptr(GString) spliced = g_string_new("before");
    g_autoptr(GString) rendered = g_string_new(NULL);
    struct json *entity = json_parse(a, stored, strlen(stored), &e);
    struct render r = {.arena = a};
    g_assert_nonnull(entity);
    bool done = splice_entity(spliced, stored, strlen(stored), NULL);
    g_assert_cmpint(done, ==, possible);
    g_assert_true(g_str_has_prefix(spliced->str, "before"));
    if (!done) {
        g_assert_cmpstr(spliced->str, ==, "before");
        return;
    }
    render_entity(rendered, entity, &r);
    const struct json *x = json_parse(a, spliced->str + 6, spliced->len - 6, &e);
    const struct json *y = json_parse(a, rendered->str, rendered->len, &e);
    if (x == NULL || !json_equal(x, y)) {
        g_error("%s\n  spliced  %s\n  rendered %s", stored, spliced->str + 6, rendered->str);
    }
}

#define HEAD "{\"id\":\"urn:a\",\"createdAt\":1,\"modifiedAt\":2,\"type\":[\"T\"]"

static void known_forms(void)
{
    check(HEAD "}", true);
    check(HEAD ",\"x\":{\"type\":\"Property\",\"value\":1}}", true);
    check(HEAD ",\"x\":{\"type\":\"Property\",\"value\":1,\"createdAt\":5},\"scope\":[\"/a\"]}", true);
    check(HEAD ",\"x\":{\"createdAt\":5,\"modifiedAt\":6,\"type\":\"Property\",\"value\":\"a\\\"}\\\\\"}}",
          true);
    check(HEAD
          ",\"x\":{\"modifiedAt\":6,\"type\":\"Property\",\"createdAt\":1,\"value\":[1,{\"createdAt\":3}],"
          "\"y\":{\"type\":\"Property\",\"value\":2,\"modifiedAt\":4}}}",
          true);
    check(HEAD
          ",\"x\":[{\"type\":\"Property\",\"value\":{\"modifiedAt\":1}},{\"type\":\"Property\",\"value\":2,"
          "\"datasetId\":\"urn:d\",\"modifiedAt\":9}],\"z\":{\"type\":\"Property\",\"value\":null}}",
          true);
    check("{\"id\":\"urn:a\",\"type\":[\"T\",\"U\"],\"scope\":[\"/a\",\"/"
          "b\"],\"createdAt\":1,\"modifiedAt\":2}",
          true);
    check("{\"scope\":[\"/"
          "a\"],\"x\":{\"type\":\"Relationship\",\"object\":[\"urn:b\"]},\"id\":\"urn:a\",\"type\":[\"T\"]}",
          true);
    check(HEAD ",\"x\":{\"type\":\"ListRelationship\",\"objectList\":[\"urn:b\"]}}", false);
    check(HEAD ",\"expiresAt\":5}", false);
    check(HEAD ",\"odd\":5}", false);
}

static void broken_texts_are_left_alone(void)
{
    static const char whole[] = HEAD ",\"x\":{\"type\":\"Property\",\"value\":\"\\u0041\",\"createdAt\":3}}";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        g_autofree char *cut = g_memdup2(whole, n + 1); /* a block of its own, for the sanitizers */
        g_autoptr(GString) out = g_string_new(NULL);
        g_assert_false(splice_entity(out, cut, n, NULL));
        g_assert_cmpuint(out->len, ==, 0);
    }
}

/* ---- random entities ---- */

static const char *const texts[] = {"a", "\"", "\\", "}", "{\"", "[,]", "createdAt", "\":1,\"", "街道", ""};

static struct json *random_value(struct arena *a, GRand *r, int depth)
{
    switch (g_rand_int_range(r, 0, depth > 2 ? 4 : 6)) {
    case 0: return json_int(a, g_rand_int_range(r, -5, 5));
    case 1: return json_double(a, g_rand_double(r));
    case 2: return json_string(a, texts[g_rand_int_range(r, 0, G_N_ELEMENTS(texts))]);
    case 3: return json_bool(a, g_rand_boolean(r));
    case 4: {
        struct json *list = json_array(a);
        for (int n = g_rand_int_range(r, 0, 4); n > 0; n--) {
            json_append(list, random_value(a, r, depth + 1));
        }
        return list;
    }
    default: {
        struct json *o = json_object(a);
        static const char *const names[] = {"createdAt", "type", "value", "x\"y", "é"};
        for (int n = g_rand_int_range(r, 0, 4); n > 0; n--) {
            json_set(a, o, names[g_rand_int_range(r, 0, G_N_ELEMENTS(names))], random_value(a, r, depth + 1));
        }
        return o;
    }
    }
}

static struct json *random_instance(struct arena *a, GRand *r, int depth)
{
    static const struct {
        const char *type, *member;
    } kinds[] = {{"Property", "value"},    {"Relationship", "object"},    {"VocabProperty", "vocab"},
                 {"JsonProperty", "json"}, {"ListProperty", "valueList"}, {"LanguageProperty", "languageMap"},
                 {"GeoProperty", "value"}};
    struct json *i = json_object(a);
    int kind = g_rand_int_range(r, 0, G_N_ELEMENTS(kinds));
    bool early = g_rand_boolean(r);
    if (early && g_rand_boolean(r)) {
        json_add(i, "createdAt", json_int(a, 7));
    }
    json_add(i, "type", json_string(a, kinds[kind].type));
    json_add(i, kinds[kind].member, random_value(a, r, 0));
    if (g_rand_boolean(r)) {
        json_add(i, "observedAt", json_string(a, "2026-03-01T00:00:00Z"));
    }
    if (!early && g_rand_boolean(r)) {
        json_add(i, "modifiedAt", json_int(a, 8));
    }
    if (depth < 2 && g_rand_int_range(r, 0, 3) == 0) {
        json_add(i, "sub", random_instance(a, r, depth + 1));
    }
    return i;
}

static void random_entities(void)
{
    g_autoptr(GRand) r = g_rand_new_with_seed(5);
    for (int n = 0; n < 5000; n++) {
        arena_auto a = arena_new();
        struct json *e = json_object(a);
        json_add(e, "id", json_string(a, "urn:a"));
        json_add(e, "createdAt", json_int(a, 1));
        struct json *types = json_add(e, "type", json_array(a));
        for (int k = g_rand_int_range(r, 1, 4); k > 0; k--) {
            json_append(types, json_string(a, "T\"x"));
        }
        for (int k = 0; k < g_rand_int_range(r, 0, 5); k++) {
            struct json *one = random_instance(a, r, 0);
            json_add(e, arena_printf(a, "x%d", k), one);
            if (g_rand_int_range(r, 0, 4) == 0) {
                struct json *list = json_set(a, e, one->key, json_array(a));
                json_append(list, random_instance(a, r, 0));
                json_append(list, random_instance(a, r, 0));
            }
        }
        json_add(e, "modifiedAt", json_int(a, 2));
        check(json_text(a, e), true);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/splice/known", known_forms);
    g_test_add_func("/splice/broken", broken_texts_are_left_alone);
    g_test_add_func("/splice/random", random_entities);
    return g_test_run();
}
