/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what says how entities are shown and in which order, one a line (pick=…, orderBy=…, lang=…,
 * ngsi-ld=…): each is refused with a sentence, or an entity with every kind of attribute is ordered, amended
 * and rendered by it as JSON. */
#include <string.h>

#include "context/query/order.h"
#include "context/query/render.h"
#include "context/query/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char entity_text[] =
    "{\"id\":\"urn:ngsi-ld:Pump:1\",\"type\":[\"Pump\",\"Device\"],\"scope\":[\"/east/one\"],\"createdAt\":1,"
    "\"modifiedAt\":2,\"n\":[{\"type\":\"Property\",\"value\":3.5,\"observedAt\":\"2026-03-01T00:00:00Z\","
    "\"accuracy\":{\"type\":\"ListProperty\",\"valueList\":[1,null]}},{\"type\":\"Property\",\"value\":true,"
    "\"datasetId\":\"urn:d:1\"}],\"o\":{\"type\":\"Property\",\"value\":{\"a\":{\"b\":[1,\"x\",null]}}},"
    "\"r\":{\"type\":\"Relationship\",\"object\":\"urn:a:b\",\"objectType\":[\"B\"],\"entity\":{\"id\":\"urn:"
    "a:b\","
    "\"type\":[\"B\"],\"n\":{\"type\":\"Property\",\"value\":1}}},"
    "\"rl\":{\"type\":\"ListRelationship\",\"objectList\":[\"urn:a:b\"]},"
    "\"l\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"\xe6\xb3\xb5\",\"en\":[\"pump\"]}},"
    "\"v\":{\"type\":\"VocabProperty\",\"vocab\":[\"open\"]},\"j\":{\"type\":\"JsonProperty\",\"json\":{"
    "\"k\":1}},"
    "\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[106.5,29.5]}}}";

/* The value of "name=" at the beginning of one of the lines. */
static const char *line_value(char **lines, const char *name)
{
    size_t n = strlen(name);
    for (; *lines != NULL; lines++) {
        if (strncmp(*lines, name, n) == 0 && (*lines)[n] == '=') {
            return *lines + n + 1;
        }
    }
    return NULL;
}

static bool refused(const struct error *e)
{
    g_assert(e->code != ERROR_NONE && e->en[0] != '\0' && e->zh[0] != '\0');
    return true;
}

static void put_in_order(struct arena *a, char **lines, const struct json *entity)
{
    struct error e = {0};
    const char *from = line_value(lines, "orderFrom");
    struct order_text text = {.by = line_value(lines, "orderBy"),
                              .collation = line_value(lines, "collation"),
                              .geometry = line_value(lines, "orderGeometry"),
                              .from = from != NULL ? json_parse(a, from, strlen(from), NULL) : NULL};
    order_auto order = text.by != NULL ? order_compile(a, NULL, &text, &e) : NULL;
    int64_t count;
    if (order == NULL) {
        g_assert(text.by == NULL || refused(&e));
        return;
    }
    g_assert(order_want(order, 2, &e));
    for (int i = 0; i < 3; i++) {
        g_assert(order_take(order, entity, &e));
    }
    g_assert(order_ids(order, &count) != NULL && count == 2);
}

static bool read_names(struct arena *a, const char *text, const struct projection **out)
{
    struct error e = {0};
    *out = text != NULL ? projection_parse(a, NULL, text, &e) : NULL;
    return text == NULL || *out != NULL || !refused(&e);
}

static void show(struct arena *a, const struct json *entity, struct render *r)
{
    for (int format = RENDER_NORMALIZED; format <= RENDER_SIMPLIFIED; format++) {
        g_autoptr(GString) text = g_string_new(NULL);
        r->format = (enum render_format)format;
        render_entity(text, entity, r);
        g_assert(json_parse(a, text->str, text->len, NULL) != NULL);
        g_string_truncate(text, 0);
        render_feature(text, entity, r);
        g_assert(json_parse(a, text->str, text->len, NULL) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct error e = {0};
    g_autofree char *copy = g_strndup((const char *)data, size);
    if (!g_utf8_validate(copy, -1, NULL)) {
        return 0; /* the server refuses such parameters before */
    }
    g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
    const struct json *entity = json_parse(a, entity_text, sizeof entity_text - 1, &e);
    const char *version = line_value(lines, "ngsi-ld");
    struct render r = {
        .arena = a, .lang = line_value(lines, "lang"), .joined = true, .sys_attrs = size % 2 == 0};
    int wanted;
    bool changed = false;
    put_in_order(a, lines, entity);
    if (!read_names(a, line_value(lines, "pick"), &r.pick_tree) ||
        !read_names(a, line_value(lines, "omit"), &r.omit_tree) ||
        (r.lang != NULL && !render_language_check(r.lang, &e) && refused(&e))) {
        return 0;
    }
    r.pick = r.pick_tree != NULL ? r.pick_tree->names : NULL;
    r.omit = r.omit_tree != NULL ? r.omit_tree->plain : NULL;
    if (version != NULL && version_parse(version, &wanted)) {
        entity = version_amend(a, NULL, entity, wanted, r.lang != NULL, &changed);
    }
    show(a, entity, &r);
    return 0;
}
