/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the q parser, and the evaluation of what it accepts. */
#include <stdint.h>
#include <string.h>

#include "expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char entity_text[] =
    "{\"id\":\"urn:x:1\",\"type\":[\"T\"],\"a\":{\"type\":\"Property\",\"value\":5,\"observedAt\":\"2026-03-"
    "01T00:00:00Z\"},"
    "\"b\":[{\"type\":\"Property\",\"value\":\"text\"},{\"type\":\"Relationship\",\"object\":\"urn:x:1\"}],"
    "\"c\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"中\",\"en\":[\"x\"]}}}";

static const struct json *same(void *user, const char *id)
{
    return user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct json *entity = json_parse(a, entity_text, strlen(entity_text), NULL);
    struct q_options options = {.linked = true};
    struct q_reader reader = {same, entity};
    struct error e = {0};
    const char *text = arena_strndup(a, (const char *)data, size);
    q_auto q = q_compile(text, &options, &e);
    if (q == NULL) {
        g_assert_true(e.code != ERROR_NONE && g_utf8_validate(e.zh, -1, NULL));
        return 0;
    }
    q_matches(q, entity, &reader);
    return 0;
}
