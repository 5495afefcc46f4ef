/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the parameters of queries, one a line (q=…, scopeQ=…, coordinates=…): each is refused with a
 * sentence, or compiled and held against an entity that has every kind of attribute. */
#include <string.h>

#include "context/query/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char entity_text[] =
    "{\"id\":\"urn:ngsi-ld:Pump:1\",\"type\":[\"Pump\",\"Device\"],\"scope\":[\"/east/"
    "one\"],\"createdAt\":1,\"modifiedAt\":2,"
    "\"n\":{\"type\":\"Property\",\"value\":3.5,\"observedAt\":\"2026-03-01T00:00:00Z\",\"accuracy\":{"
    "\"type\":\"Property\",\"value\":1}},"
    "\"s\":[{\"type\":\"Property\",\"value\":\"text\"},{\"type\":\"Property\",\"value\":[1,2],\"datasetId\":"
    "\"urn:d:1\"}],"
    "\"o\":{\"type\":\"Property\",\"value\":{\"a\":{\"b\":[1,\"x\",null]}}},\"r\":{\"type\":\"Relationship\","
    "\"object\":\"urn:a:b\"},"
    "\"l\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"\xe6\xb3\xb5\",\"en\":\"pump\"}},"
    "\"v\":{\"type\":\"VocabProperty\",\"vocab\":\"open\"},\"j\":{\"type\":\"JsonProperty\",\"json\":{\"k\":["
    "true]}},"
    "\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[106.5,29.5]}}}";

struct named_text {
    const char *name;
    const char **place;
};

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    entity_query_auto query = {0};
    struct error e = {0};
    struct query_text text = {0};
    const struct named_text parameters[] = {{"id", &text.id},
                                            {"idPattern", &text.id_pattern},
                                            {"type", &text.type},
                                            {"q", &text.q},
                                            {"scopeQ", &text.scope},
                                            {"georel", &text.georel},
                                            {"geometry", &text.geometry},
                                            {"geoproperty", &text.geo_property},
                                            {"attrs", &text.attrs}};
    g_autofree char *copy = g_strndup((const char *)data, size);
    if (!g_utf8_validate(copy, -1, NULL)) {
        return 0; /* the server refuses such parameters before */
    }
    g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
    for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++) {
        *parameters[i].place = line_value(lines, parameters[i].name);
    }
    const char *coordinates = line_value(lines, "coordinates");
    text.coordinates = coordinates != NULL ? json_parse(a, coordinates, strlen(coordinates), &e) : NULL;
    if (!entity_query_compile(&query, a, NULL, &text, &e)) {
        g_assert(e.code != ERROR_NONE && e.en[0] != '\0' && e.zh[0] != '\0');
        return 0;
    }
    const struct json *entity = json_parse(a, entity_text, sizeof entity_text - 1, &e);
    g_assert(entity != NULL);
    entity_query_matches(&query, entity, NULL);
    return 0;
}
