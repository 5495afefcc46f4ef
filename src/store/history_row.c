/* SPDX-License-Identifier: Apache-2.0 */
/* The row of an entity: its series, and of each the newest points, its tail.
 *
 * Bytes: 1, varint number of the name of the types, varint number of series; each: varint number of its name
 * (0: varint length and bytes of its key), varint sid, varint points in chunks, varint length of the tail <<
 * 1 | rolled, and the tail: chunks, each after the varint of its length. */
#include <string.h>

#include "store/history.h"

enum { VERSION = 1 };

static void clear_series(void *series)
{
    struct row_series *s = series;
    if (s->new_tail != NULL) {
        g_byte_array_unref(s->new_tail);
    }
    if (s->fresh != NULL) {
        g_array_unref(s->fresh);
    }
}

void row_init(struct row *row)
{
    *row = (struct row){.series = g_array_new(FALSE, TRUE, sizeof(struct row_series))};
    g_array_set_clear_func(row->series, clear_series);
}

void row_clear(struct row *row)
{
    g_clear_pointer(&row->series, g_array_unref);
    g_clear_pointer(&row->bytes, g_bytes_unref);
}

static bool read_name(struct row_series *s, struct names *names, struct byte_reader *r)
{
    s->name = (uint32_t)get_varint(r);
    if (s->name != 0) {
        const struct name *name = names_get(names, s->name);
        if (name != NULL && name->key.attribute != NULL) {
            s->key = name->key;
            return true;
        }
        return false;
    }
    uint64_t length = get_varint(r);
    const char *bytes = (const char *)get_bytes(r, length);
    return bytes != NULL && series_key_read(&s->key, bytes, (guint)length);
}

bool row_read(struct row *row, struct names *names, GBytes *bytes)
{
    gsize length;
    const unsigned char *at = g_bytes_get_data(bytes, &length);
    struct byte_reader r = {.at = at, .end = length > 0 ? at + length : at};
    row->bytes = bytes;
    if (get_varint(&r) != VERSION) {
        return false;
    }
    row->types = (uint32_t)get_varint(&r);
    uint64_t n = get_varint(&r);
    for (uint64_t i = 0; i < n && !r.broken; i++) {
        struct row_series s = {0};
        if (!read_name(&s, names, &r)) {
            return false;
        }
        s.sid = (int64_t)get_varint(&r);
        s.stored = (int64_t)get_varint(&r);
        uint64_t tail = get_varint(&r);
        s.rolled = (tail & 1) != 0;
        s.tail_length = tail >> 1;
        s.tail = get_bytes(&r, s.tail_length);
        g_array_append_val(row->series, s);
    }
    return !r.broken && r.at == r.end;
}

static void write_series(const struct row_series *s, GByteArray *out)
{
    put_varint(out, s->name);
    if (s->name == 0) {
        g_autoptr(GByteArray) key = g_byte_array_new();
        series_key_bytes(key, &s->key);
        put_varint(out, key->len);
        g_byte_array_append(out, key->data, key->len);
    }
    const unsigned char *tail = s->new_tail != NULL ? s->new_tail->data : s->tail;
    size_t length = s->new_tail != NULL ? s->new_tail->len : s->tail_length;
    put_varint(out, (uint64_t)s->sid);
    put_varint(out, (uint64_t)s->stored);
    put_varint(out, (uint64_t)length << 1 | s->rolled);
    g_byte_array_append(out, tail, (guint)length);
}

void row_write(const struct row *row, GByteArray *out)
{
    put_varint(out, VERSION);
    put_varint(out, row->types);
    put_varint(out, row->series->len);
    for (guint i = 0; i < row->series->len; i++) {
        write_series(&g_array_index(row->series, struct row_series, i), out);
    }
}

struct row_series *row_find(const struct row *row, const char *attribute, const char *dataset)
{
    for (guint i = 0; i < row->series->len; i++) {
        struct row_series *s = &g_array_index(row->series, struct row_series, i);
        if (same_series(&s->key, attribute, dataset)) {
            return s;
        }
    }
    return NULL;
}

/* ---- tails ---- */

static struct byte_reader tail_of(const struct row_series *s)
{
    const unsigned char *at = s->new_tail != NULL ? s->new_tail->data : s->tail;
    size_t length = s->new_tail != NULL ? s->new_tail->len : s->tail_length;
    return (struct byte_reader){.at = at, .end = length > 0 ? at + length : at};
}

/* The next chunk of a tail; NULL at its end. */
static const unsigned char *next_piece(struct byte_reader *r, uint64_t *length)
{
    if (r->at >= r->end) {
        return NULL;
    }
    *length = get_varint(r);
    return get_bytes(r, *length);
}

bool tail_read(const struct row_series *s, GArray *points)
{
    struct byte_reader r = tail_of(s);
    uint64_t length;
    bool ok = true;
    for (const unsigned char *piece; (piece = next_piece(&r, &length)) != NULL;) {
        g_autoptr(GArray) some = point_array();
        if (!chunk_unpack(piece, length, some)) {
            ok = false;
            continue;
        }
        for (guint i = 0; i < some->len; i++) {
            points_insert(points, g_array_index(some, struct point, i), true);
            g_array_index(some, struct point, i).text = NULL; /* given away */
        }
    }
    return ok && !r.broken;
}

int tail_count(const struct row_series *s)
{
    struct byte_reader r = tail_of(s);
    uint64_t length;
    int64_t count = 0;
    for (const unsigned char *piece; (piece = next_piece(&r, &length)) != NULL;) {
        count += chunk_count(piece, length);
    }
    return (int)MIN(count, INT32_MAX);
}

void tail_add(struct row_series *s, const struct point *points, int n)
{
    g_autoptr(GByteArray) piece = g_byte_array_sized_new(64);
    chunk_pack(piece, points, n, CHUNK_PLAIN);
    if (s->new_tail == NULL) {
        s->new_tail = g_byte_array_sized_new((guint)s->tail_length + piece->len + 2);
        g_byte_array_append(s->new_tail, s->tail, (guint)s->tail_length);
    }
    put_varint(s->new_tail, piece->len);
    g_byte_array_append(s->new_tail, piece->data, piece->len);
}

void tail_set(struct row_series *s, const GArray *points)
{
    g_clear_pointer(&s->new_tail, g_byte_array_unref);
    s->new_tail = g_byte_array_new();
    if (points->len > 0) {
        tail_add(s, (const struct point *)(const void *)points->data, (int)points->len);
    }
}

/* ---- lists of points ---- */

void points_insert(GArray *list, struct point p, bool owned)
{
    guint n = list->len;
    struct point *points = (struct point *)(void *)list->data;
    if (n == 0 || points[n - 1].at < p.at) {
        g_array_append_val(list, p);
        return;
    }
    guint low = 0;
    while (low < n) {
        guint middle = (low + n) / 2;
        if (points[middle].at < p.at) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    if (points[low].at == p.at) {
        g_free(owned ? points[low].text : NULL);
        points[low] = p;
        return;
    }
    g_array_insert_val(list, low, p);
}

GArray *points_merge(const GArray *older, const GArray *newer)
{
    GArray *out = g_array_sized_new(FALSE, FALSE, sizeof(struct point), older->len + newer->len);
    guint i = 0;
    guint j = 0;
    while (i < older->len || j < newer->len) {
        const struct point *a = i < older->len ? &g_array_index(older, struct point, i) : NULL;
        const struct point *b = j < newer->len ? &g_array_index(newer, struct point, j) : NULL;
        bool take_new = a == NULL || (b != NULL && b->at <= a->at);
        g_array_append_vals(out, take_new ? b : a, 1);
        i += take_new ? (a != NULL && a->at == b->at) : 1;
        j += take_new;
    }
    return out;
}
