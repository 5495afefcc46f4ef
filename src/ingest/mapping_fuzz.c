/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzer of the mapping: first line the topic, the rest the payload, against an input of every kind of
 * attribute. */
#include <string.h>

#include "context/context.h"
#include "ingest/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char inputs[] =
    "{\"inputs\":[{\"name\":\"in\",\"topic\":\"zs/{area}/{station}/r\",\"id\":\"urn:ngsi-ld:Air:{station}\","
    "\"type\":\"Air\",\"scope\":\"/{area}\",\"time\":{\"from\":[\"d\",\"t\"],\"format\":\"%Y-%m-%d "
    "%H:%M:%S.%f\"},\"zone\":\"+08:00\","
    "\"missing\":[\"NA\",-1,null],\"attributes\":{\"n\":{\"scale\":2,\"offset\":-1,\"decimals\":3,\"min\":-"
    "1e9,\"max\":1e9,\"unit\":"
    "\"GQ\"},\"i\":{\"value\":\"integer\"},\"w\":{\"value\":\"text\"},\"b\":{\"value\":\"boolean\"},\"s\":{"
    "\"value\":\"time\"},"
    "\"x\":{\"value\":\"data\",\"from\":\"a.b.c\"},\"u\":{\"unit_from\":\"uu\",\"units\":{\"mg\":1000}},"
    "\"v\":{\"value\":\"text\","
    "\"values\":{\"1\":\"one\"}},\"location\":{\"lon\":\"x1\",\"lat\":\"y1\",\"datum\":\"bd09\"},\"area\":{"
    "\"geometry\":\"g\"},"
    "\"r\":{\"relationship\":\"urn:{value}:{w}\"}}}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mapping *m;
    arena_auto a = arena_new();
    if (m == NULL) {
        struct pack p = {"p", "p", json_parse(a, inputs, sizeof inputs - 1, NULL)};
        m = mapping_compile((const struct pack *const[]){&p, NULL}, NULL);
    }
    const uint8_t *newline = memchr(data, '\n', size);
    size_t head = newline != NULL ? (size_t)(newline - data) : 0;
    char *topic = newline != NULL ? arena_strndup(a, (const char *)data, head) : arena_strdup(a, "zs/a/b/r");
    const char *payload = (const char *)data + (newline != NULL ? head + 1 : 0);
    size_t length = size - (newline != NULL ? head + 1 : 0);
    if (!g_utf8_validate(topic, -1, NULL)) {
        return 0;
    }
    for (struct mapped *one = mapping_message(m, a, topic, payload, length, instant_now()); one != NULL;
         one = one->next) {
        g_assert_true(one->fragment != NULL || one->faults != NULL);
        if (one->fragment != NULL) {
            g_assert_nonnull(json_get_string(one->fragment, "id"));
            g_assert_true(g_utf8_validate(json_text(a, one->fragment), -1, NULL));
        }
    }
    return 0;
}
