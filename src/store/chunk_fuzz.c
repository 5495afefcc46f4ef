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

/* The statistics of a chunk are those of its points, however they are read. */
static void check_scan(const uint8_t *data, size_t size, const GArray *points)
{
    const instant middle = g_array_index(points, struct point, points->len / 2).at;
    const instant bounds[] = {g_array_index(points, struct point, 0).at, middle + 1, INT64_MAX};
    struct history_statistics scanned[2] = {0}, added[2] = {0};
    if (!chunk_scan(data, size, bounds, 2, scanned)) {
        g_assert_true(scanned[0].count == 0 && scanned[1].count == 0);
        return;
    }
    for (guint i = 0; i < points->len; i++) {
        const struct point *p = &g_array_index(points, struct point, i);
        statistics_add(&added[p->at > middle], p);
    }
    for (int i = 0; i < 2; i++) {
        g_assert_true(scanned[i].count == added[i].count && scanned[i].numbers == added[i].numbers);
        g_assert_true(scanned[i].min == added[i].min && scanned[i].max == added[i].max);
        g_assert_true(scanned[i].first == added[i].first && scanned[i].last == added[i].last);
        g_assert_true(scanned[i].first_at == added[i].first_at && scanned[i].last_at == added[i].last_at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GArray) points = points_new();
    if (!chunk_unpack(data, size, points)) {
        return 0;
    }
    check_scan(data, size, points);
    g_autoptr(GByteArray) packed = g_byte_array_new();
    chunk_pack(packed, (const struct point *)(void *)points->data, (int)points->len, CHUNK_GOOD);
    g_autoptr(GArray) again = points_new();
    g_assert_true(chunk_unpack(packed->data, packed->len, again) && again->len == points->len);
    check_scan(packed->data, packed->len, points);
    for (guint i = 0; i < again->len; i++) {
        const struct point *a = &g_array_index(points, struct point, i);
        const struct point *b = &g_array_index(again, struct point, i);
        g_assert(a->at == b->at && g_strcmp0(a->text, b->text) == 0 && a->number == b->number);
    }
    return 0;
}
