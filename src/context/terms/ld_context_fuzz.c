/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes @contexts: what is accepted turns each of its names into a stored name, whose shortest name means
 * the same again. */
#include <string.h>

#include "context/terms/ld_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct arena *a, const struct ld_context *ctx, const char *name)
{
    bool plain;
    if (!ld_valid_name(name, strlen(name), &plain)) {
        return;
    }
    const char *stored = ld_expand(ctx, a, name);
    const char *shown = ld_compact(ctx, a, stored);
    g_assert_cmpstr(ld_expand(ctx, a, shown), ==, stored);
    g_assert(ld_iri(a, stored) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    ld_context_auto ctx = NULL;
    struct error e = {0};
    const struct json *value = json_parse(a, (const char *)data, size, &e);
    if (value == NULL) {
        return 0;
    }
    if (!ld_context_parse(value, NULL, &ctx, &e)) {
        g_assert(e.code != ERROR_NONE && e.en[0] != '\0' && e.zh[0] != '\0');
        return 0;
    }
    static const char *const names[] = {"name", "location", "ngsi-ld:x",
                                        "a:b",  "urn:x:y",  "https://example.org/a#b"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        check_name(a, ctx, names[i]);
    }
    for (const struct json *m = json_is(value, JSON_OBJECT) ? value->first : NULL; m != NULL; m = m->next) {
        check_name(a, ctx, m->key);
    }
    return 0;
}
