/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the chunk codec: damaged bytes are refused, and what was read packs and reads back the same. */
#include <glib.h>
#include <string.h>

#include "store/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GArray *points_new(void)
{
    GArray *points = g_array_new(FALSE, TRUE, sizeof(struct point));
    g_array_set_clear_func(points, point_clear);
    return points;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GArray) points = points_new();
    if (!chunk_unpack(data, size, points)) {
        return 0;
    }
    g_autoptr(GByteArray) packed = g_byte_array_new();
    chunk_pack(packed, (const struct point *)(void *)points->data, (int)points->len, CHUNK_GOOD);
    g_autoptr(GArray) again = points_new();
    g_assert(chunk_unpack(packed->data, packed->len, again) && again->len == points->len);
    for (guint i = 0; i < again->len; i++) {
        const struct point *a = &g_array_index(points, struct point, i);
        const struct point *b = &g_array_index(again, struct point, i);
        g_assert(a->at == b->at && g_strcmp0(a->text, b->text) == 0 && a->number == b->number);
    }
    return 0;
}
