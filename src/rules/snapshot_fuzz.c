/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a page of a snapshot that says anything at all; what was taken must then work. */
#include <string.h>

#include "rules/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
}

static struct engine *engine_of_two(void)
{
    static const char text[] =
        "{\"types\":{\"A\":{\"attributes\":{\"v\":{},\"to\":{\"kind\":\"Relationship\"}}}},\"rules\":["
        "{\"name\":\"x\",\"type\":\"A\",\"title\":\"t\",\"message\":\"{v}\",\"severity\":\"red\",\"when\":"
        "\"v > to.v\"},"
        "{\"name\":\"y\",\"kind\":\"rate\",\"type\":\"A\",\"title\":\"t\",\"message\":\"m\",\"severity\":"
        "\"red\","
        "\"attribute\":\"v\",\"per\":\"1h\",\"above\":3}]}";
    arena_auto a = arena_new();
    struct pack pack = {"p", "p", json_parse(a, text, strlen(text), NULL)};
    const struct pack *packs[] = {&pack, NULL};
    struct pack_report report = {ignore, 0};
    return engine_new(rule_set_new(packs, &report));
}

static bool once(void *user, struct engine_page *page)
{
    GString **data = user;
    page->number = 0;
    page->data = *data;
    *data = NULL;
    return page->data != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char head[] =
        "{\"version\":1,\"seq\":1,\"slots\":[\"v\",\"to\"],\"rules\":[{\"name\":\"x\",\"logic\":\"l\"},"
        "{\"name\":\"y\",\"logic\":\"l\"}]}";
    static const char record[] =
        "{\"id\":\"a\",\"type\":[\"A\"],\"at\":5,\"attrs\":{\"v\":{\"value\":9},\"to\":{\"object\":\"b\"}}}";
    arena_auto a = arena_new();
    struct engine *e = engine_of_two();
    g_autoptr(GString) page = g_string_new_len((const char *)data, (gssize)size);
    g_autoptr(GString) saved_head = g_string_new(NULL);
    g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
    GString *given = page;
    struct error error = {0};
    if (engine_restore(e, head, strlen(head), once, &given, NULL, &error)) {
        engine_record(e, 2, json_parse(a, record, strlen(record), NULL));
        engine_save(e, true, saved_head, pages);
    }
    engine_pages_clear(pages);
    engine_free(e);
    return 0;
}
