/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzer of the CSV reader: the first byte chooses the encoding and how many bytes come at once. */
#include <glib.h>
#include <string.h>

#include "ingest/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    const uint8_t *data;
    size_t left, step;
};

static ssize_t read_memory(void *user, char *buffer, size_t max)
{
    struct memory *m = user;
    size_t n = MIN(MIN(max, m->step), m->left);
    memcpy(buffer, m->data, n);
    m->data += n;
    m->left -= n;
    return (ssize_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct memory m = {data + 1, size - 1, 1 + (data[0] & 63)};
    struct csv_reader *r = csv_reader_new(read_memory, &m, data[0] & 64 ? CSV_GB18030 : CSV_UTF8, 0, 1);
    arena_auto a = arena_new();
    struct csv_row row;
    int64_t offset = 0;
    while (csv_next(r, a, &row, NULL)) {
        g_assert_cmpint(row.offset, >=, offset);
        g_assert_cmpint(row.next, >, row.offset);
        offset = row.next;
        for (int i = 0; i < row.count && !row.broken; i++) {
            g_assert_true(g_utf8_validate_len(row.fields[i].text, row.fields[i].length, NULL));
        }
    }
    g_assert_cmpint(offset, <=, (int64_t)size - 1);
    csv_reader_free(r);
    return 0;
}
