/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the parser: what it accepts must read back equal after writing. */
#include <glib.h>

#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct json *v = json_parse(a, (const char *)data, size, &e);
    if (v == NULL) {
        g_assert(e.code == ERROR_INVALID_REQUEST && e.en[0] != '\0' && e.zh[0] != '\0');
        return 0;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(text, v);
    struct json *again = json_parse(a, text->str, text->len, &e);
    g_assert(json_equal(v, again));
    g_assert(json_equal(v, json_copy(a, v)));
    g_string_truncate(text, 0);
    json_write_canonical(text, v);
    g_assert(json_equal(v, json_parse(a, text->str, text->len, &e)));
    return 0;
}
