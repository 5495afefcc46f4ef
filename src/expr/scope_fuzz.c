/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes scope queries and type selections. */
#include <stdint.h>
#include <string.h>

#include "expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    const char *text = arena_strndup(a, (const char *)data, size);
    struct json *scopes = json_array(a);
    json_append(scopes, json_string(a, "/a/b/c"));
    json_append(scopes, json_string(a, "/"));
    scope_query_auto q = scope_query_compile(text, NULL);
    if (q != NULL) {
        scope_query_matches(q, scopes);
    }
    type_query_auto t = type_query_compile(text, NULL, NULL);
    if (t != NULL) {
        type_query_matches(t, scopes);
    }
    return 0;
}
