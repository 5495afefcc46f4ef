/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the decoding of request targets and header lists. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "http/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct error e = {0};
    const char *text = arena_strndup(a, (const char *)data, size);
    const char *path, *query;
    struct query_parameter *first = NULL;
    decode_target(a, text, &path, &query);
    const char *decoded = decode_text(a, path, strlen(path), false, &e);
    g_assert(decoded == NULL || g_utf8_validate(decoded, -1, NULL));
    if (decoded != NULL && decode_is_plain_path(decoded)) {
        g_assert(strstr(decoded, "/..") == NULL);
    }
    if (decode_query(a, query, &first, &e)) {
        for (; first != NULL; first = first->next) {
            g_assert(g_utf8_validate(first->value, -1, NULL));
        }
    }
    (void)decode_prefers_chinese(text);
    (void)decode_weight(text, "gzip");
    return 0;
}
