/* SPDX-License-Identifier: Apache-2.0 */
/* A section `rules` that says anything at all, as JSON. */
#include "rules/definition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    r->mistakes++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct json *root = json_parse(a, (const char *)data, size, NULL);
    if (root != NULL) {
        struct pack pack = {"p", "p", root};
        const struct pack *packs[] = {&pack, NULL};
        struct pack_report report = {count, 0};
        rules_check(&pack, json_get(root, "rules"), packs, &report);
        rule_set_free(rule_set_new(packs, &report));
    }
    return 0;
}
