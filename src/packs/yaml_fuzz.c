/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzer of the YAML reader. */
#include <stdint.h>

#include "packs/mistake.h"
#include "packs/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    g_autoptr(GPtrArray) mistakes = mistakes_new();
    struct node_origin *o = node_origin_new(a);
    const struct json *root = yaml_read(a, o, "fuzz.yaml", (const char *)data, size, mistakes);
    if (root != NULL) {
        g_assert_cmpstr(node_origin_file(o, root), ==, "fuzz.yaml");
        g_autoptr(GString) text = g_string_new(NULL);
        json_write(text, root);
        g_assert_true(g_utf8_validate(text->str, (gssize)text->len, NULL));
    }
    return 0;
}
