/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes formulas and texts with values. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct value world(void *user, const char *const *path, int count)
{
    switch (path[0][0] % 4) {
    case 0: return value_number(path[0][0]);
    case 1: return value_string(path[0]);
    case 2: return value_bool(count > 1);
    default: return value_string(NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    const char *text = arena_strndup(a, (const char *)data, size);
    struct error e = {0};
    formula_auto f = formula_parse(text, &e);
    g_assert_true((f == NULL) == (e.code != ERROR_NONE));
    if (f != NULL) {
        struct value v = formula_eval(f, world, NULL);
        g_assert_true(v.kind != VALUE_NUMBER || isfinite(v.number));
    }
    text_template_auto t = text_template_parse(text, NULL);
    if (t != NULL) {
        g_autoptr(GString) out = g_string_new("");
        text_template_render(t, out, world, NULL);
    }
    return 0;
}
