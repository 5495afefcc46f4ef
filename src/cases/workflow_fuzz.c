/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as a pack with workflows, calendar and categories. */
#include <stdint.h>

#include "cases/playbook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    va_list args;
    va_start(args, zh);
    g_autofree char *text = g_strdup_vprintf(en, args);
    va_end(args);
    r->mistakes++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct pack pack = {"p", "p", json_parse(a, (const char *)data, size, NULL)};
    const struct pack *const all[] = {&pack, NULL};
    struct pack_report r = {.mistake = count};
    if (pack.root == NULL) {
        return 0;
    }
    check_workflows(&pack, json_get(pack.root, "workflows"), all, &r);
    check_calendar(&pack, json_get(pack.root, "calendar"), all, &r);
    check_categories(&pack, json_get(pack.root, "categories"), all, &r);
    playbook_unref(playbook_new(all, NULL));
    return 0;
}
