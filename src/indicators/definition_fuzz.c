/* SPDX-License-Identifier: Apache-2.0 */
/* Sections `tables` and `indexes` that say anything at all, as JSON; what was taken is computed with. */
#include <math.h>

#include "indicators/compute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    r->mistakes++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct json *root = json_parse(a, (const char *)data, size, NULL);
    if (root == NULL) {
        return 0;
    }
    struct pack pack = {"p", "p", root};
    const struct pack *packs[] = {&pack, NULL};
    struct pack_report report = {count, 0};
    tables_check(&pack, json_get(root, "tables"), packs, &report);
    indexes_check(&pack, json_get(root, "indexes"), packs, &report);
    struct index_set *set = index_set_new(packs, &report);
    double values[MAX_PARTS] = {0, 1, NAN, 1e300, -5};
    for (int i = 0; i < set->count; i++) {
        index_compute(&set->indexes[i], 0, values);
    }
    index_set_free(set);
    return 0;
}
