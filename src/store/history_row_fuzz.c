/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what history.db has beside chunks, rows of entities and figures of periods: damaged bytes are
 * refused, and what was read writes and reads back the same. The first byte of the input chooses. */
#include <string.h>

#include "store/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_row(const uint8_t *data, size_t size)
{
    struct names *names = names_new();
    names_number(names, "x\0\0Property\0GQ\0o", 17);
    names_number(names, "T", 2);
    struct row row, again;
    row_init(&row);
    row_init(&again);
    if (row_read(&row, names, g_bytes_new(data, size))) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        row_write(&row, bytes);
        g_assert_true(row_read(&again, names, g_bytes_new(bytes->data, bytes->len)));
        g_assert_cmpuint(again.series->len, ==, row.series->len);
        for (guint i = 0; i < row.series->len; i++) {
            struct row_series *a = &g_array_index(row.series, struct row_series, i);
            const struct row_series *b = &g_array_index(again.series, struct row_series, i);
            g_assert_true(a->sid == b->sid && a->stored == b->stored && a->tail_length == b->tail_length);
            g_autoptr(GArray) points = point_array();
            tail_read(a, points);
            tail_count(a);
            tail_set(a, points);
        }
    }
    row_clear(&row);
    row_clear(&again);
    names_free(names);
}

static GArray *periods_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(struct period));
}

static void fuzz_figures(const uint8_t *data, size_t size)
{
    g_autoptr(GArray) periods = periods_new();
    if (!figures_unpack(data, size, periods) || periods->len == 0) {
        return;
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    figures_pack(bytes, (const struct period *)(const void *)periods->data, (int)periods->len);
    g_autoptr(GArray) again = periods_new();
    g_assert_true(figures_unpack(bytes->data, bytes->len, again) && again->len == periods->len);
    for (guint i = 0; i < again->len; i++) {
        const struct period *a = &g_array_index(periods, struct period, i);
        const struct period *b = &g_array_index(again, struct period, i);
        g_assert_true(a->start == b->start && a->s.count == b->s.count && a->s.numbers == b->s.numbers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        (data[0] % 2 == 0 ? fuzz_row : fuzz_figures)(data + 1, size - 1);
    }
    return 0;
}
