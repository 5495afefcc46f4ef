/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes ingest: what is accepted renders as normalized JSON that is accepted again and gives the same stored
 * form. A payload may bring its own @context. */
#include <string.h>

#include "context/entity/ingest.h"
#include "context/query/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(struct arena *a, const struct json *entity, const struct ld_context *ctx)
{
    struct error e = {0};
    struct render r = {.arena = a, .ctx = ctx, .format = RENDER_NORMALIZED};
    g_autoptr(GString) text = g_string_new(NULL);
    render_entity(text, entity, &r);
    struct json *shown = json_parse(a, text->str, text->len, &e);
    g_assert(shown != NULL);
    if (ctx == NULL) {
        struct json *again = ingest_entity(a, shown, NULL, INGEST_ID | INGEST_TYPE, &e);
        g_assert(again != NULL && json_equal(again, entity));
    }
    for (int format = RENDER_CONCISE; format <= RENDER_SIMPLIFIED; format++) {
        r.format = (enum render_format)format;
        g_string_truncate(text, 0);
        render_feature(text, entity, &r);
        g_assert(json_parse(a, text->str, text->len, &e) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    ld_context_auto ctx = NULL;
    struct error e = {0};
    const struct json *payload = json_parse(a, (const char *)data, size, &e);
    const struct json *context = json_get(payload, "@context");
    if (payload == NULL || (context != NULL && !ld_context_parse(context, NULL, &ctx, &e))) {
        return 0;
    }
    struct json *entity = ingest_entity(a, payload, ctx, INGEST_ID | INGEST_TYPE, &e);
    if (entity != NULL) {
        check_again(a, entity, ctx);
    } else {
        g_assert(e.code != ERROR_NONE && e.en[0] != '\0' && e.zh[0] != '\0');
    }
    ingest_entity(a, payload, ctx, INGEST_NULLS | INGEST_PARTIAL, &e);
    ingest_attribute(a, "x", payload, ctx, INGEST_NULLS | INGEST_PARTIAL, &e);
    return 0;
}
