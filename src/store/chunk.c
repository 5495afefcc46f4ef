/* SPDX-License-Identifier: Apache-2.0 */
/* Points as bytes: times as deltas of deltas, values as whole numbers of their own decimals, all packed by
 * zstd.
 *
 * Layout before zstd: kind (0 decimals, 1 doubles, 2 texts), number of points, first time, then per point the
 * zigzag varint of the change of the time step, then the values: kind 0 has the number of decimals and zigzag
 * varints of the differences; kind 1 has 8 bytes each; kind 2 has length and bytes of the JSON text. The
 * first byte of a packed chunk tells whether zstd was worth it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "store/private.h"

enum { KIND_DECIMAL, KIND_DOUBLE, KIND_TEXT };
enum { PLAIN = 0, ZSTD = 1, MAX_DECIMALS = 9, LEVEL = 9 };

void point_clear(void *point)
{
    g_free(((struct point *)point)->text);
}

static void put_varint(GByteArray *out, uint64_t n)
{
    guint8 bytes[10];
    guint count = 0;
    while (n >= 0x80) {
        bytes[count++] = (guint8)(n | 0x80);
        n >>= 7;
    }
    bytes[count++] = (guint8)n;
    g_byte_array_append(out, bytes, count);
}

static void put_signed(GByteArray *out, int64_t n)
{
    put_varint(out, ((uint64_t)n << 1) ^ (uint64_t)(n >> 63));
}

struct reader {
    const unsigned char *at, *end;
    bool broken;
};

static uint64_t get_varint(struct reader *r)
{
    uint64_t n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end) {
            break;
        }
        unsigned char byte = *r->at++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return n;
        }
    }
    r->broken = true;
    return 0;
}

static int64_t get_signed(struct reader *r)
{
    uint64_t n = get_varint(r);
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

static const double power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

static bool is_decimal(double v, int decimals)
{
    double scaled = v * power[decimals];
    if (fabs(scaled) > 9e15) {
        return false;
    }
    int64_t whole = llround(scaled);
    return (double)whole / power[decimals] == v && !(whole == 0 && signbit(v));
}

/* The fewest decimals that hold all values exactly; -1 when nothing up to nine does. */
static int decimals_of(const struct point *points, int n)
{
    int decimals = 0;
    for (int i = 0; i < n; i++) {
        while (!is_decimal(points[i].number, decimals)) {
            if (++decimals > MAX_DECIMALS) {
                return -1;
            }
        }
    }
    for (int i = 0; i < n; i++) { /* a later value may have raised it beyond the range of an earlier one */
        if (!is_decimal(points[i].number, decimals)) {
            return -1;
        }
    }
    return decimals;
}

static int kind_of(const struct point *points, int n, int *decimals)
{
    for (int i = 0; i < n; i++) {
        if (points[i].text != NULL) {
            return KIND_TEXT;
        }
    }
    *decimals = decimals_of(points, n);
    return *decimals >= 0 ? KIND_DECIMAL : KIND_DOUBLE;
}

static void put_times(GByteArray *out, const struct point *points, int n)
{
    /* Whole seconds are the rule; then all times are counted in seconds. */
    int64_t unit = INSTANT_SECOND;
    for (int i = 0; i < n && unit > 1; i++) {
        while (points[i].at % unit != 0) {
            unit = unit == INSTANT_SECOND ? 1000 : 1;
        }
    }
    put_varint(out, (uint64_t)unit);
    int64_t last = points[0].at / unit;
    int64_t step = 0;
    put_signed(out, last);
    for (int i = 1; i < n; i++) {
        int64_t now = points[i].at / unit;
        put_signed(out, now - last - step);
        step = now - last;
        last = now;
    }
}

static void put_text(GByteArray *out, const struct point *p)
{
    g_autoptr(GString) number = NULL;
    const char *text = p->text;
    if (text == NULL) {
        number = g_string_new(NULL);
        struct json v = {.type = JSON_DOUBLE, .number = p->number};
        json_write(number, &v);
        text = number->str;
    }
    /* The lowest bit tells a number among texts. */
    size_t length = strlen(text);
    put_varint(out, (uint64_t)length << 1 | (p->text == NULL));
    g_byte_array_append(out, (const guint8 *)text, (guint)length);
}

static void put_values(GByteArray *out, const struct point *points, int n, int kind, int decimals)
{
    int64_t last = 0;
    if (kind == KIND_DECIMAL) {
        put_varint(out, (uint64_t)decimals);
    }
    for (int i = 0; i < n; i++) {
        if (kind == KIND_DECIMAL) {
            int64_t now = llround(points[i].number * power[decimals]);
            put_signed(out, now - last);
            last = now;
        } else if (kind == KIND_DOUBLE) {
            g_byte_array_append(out, (const guint8 *)&points[i].number, sizeof points[i].number);
        } else {
            put_text(out, &points[i]);
        }
    }
}

void chunk_pack(GByteArray *out, const struct point *points, int n)
{
    g_assert(n > 0);
    g_autoptr(GByteArray) plain = g_byte_array_sized_new((guint)n * 4 + 32);
    int decimals = 0;
    int kind = kind_of(points, n, &decimals);
    put_varint(plain, (uint64_t)kind);
    put_varint(plain, (uint64_t)n);
    put_times(plain, points, n);
    put_values(plain, points, n, kind, decimals);
    size_t room = ZSTD_compressBound(plain->len);
    g_autofree guint8 *packed = g_malloc(room);
    size_t length = plain->len > 64 ? ZSTD_compress(packed, room, plain->data, plain->len, LEVEL) : SIZE_MAX;
    bool worth = plain->len > 64 && !ZSTD_isError(length) && length < plain->len;
    guint8 first = worth ? ZSTD : PLAIN;
    g_byte_array_append(out, &first, 1);
    g_byte_array_append(out, worth ? packed : plain->data, worth ? (guint)length : plain->len);
}

static bool get_number(struct reader *r, int kind, int decimals, int64_t *last, double *number)
{
    if (kind == KIND_DECIMAL) {
        *last = (int64_t)((uint64_t)*last + (uint64_t)get_signed(r));
        *number = (double)*last / power[decimals];
        return !r->broken;
    }
    if (r->end - r->at < (ptrdiff_t)sizeof *number) {
        return false;
    }
    memcpy(number, r->at, sizeof *number);
    r->at += sizeof *number;
    return isfinite(*number);
}

static bool get_text(struct reader *r, struct point *p)
{
    uint64_t head = get_varint(r);
    uint64_t length = head >> 1;
    if (r->broken || length > (uint64_t)(r->end - r->at)) {
        return false;
    }
    g_autofree char *text = g_strndup((const char *)r->at, length);
    r->at += length;
    if ((head & 1) != 0) {
        p->number = g_ascii_strtod(text, NULL);
        return isfinite(p->number);
    }
    p->text = g_steal_pointer(&text);
    return true;
}

static bool read_points(struct reader *r, GArray *points)
{
    uint64_t kind = get_varint(r);
    uint64_t n = get_varint(r);
    int64_t unit = (int64_t)get_varint(r);
    if (r->broken || kind > KIND_TEXT || n == 0 || n > (uint64_t)(r->end - r->at) ||
        (unit != 1 && unit != 1000 && unit != INSTANT_SECOND)) {
        return false;
    }
    guint first = points->len;
    g_array_set_size(points, first + (guint)n);
    struct point *p = &g_array_index(points, struct point, first);
    memset(p, 0, sizeof *p * n);
    int64_t now = get_signed(r);
    int64_t step = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (i > 0) {
            step = (int64_t)((uint64_t)step + (uint64_t)get_signed(r));
            now = (int64_t)((uint64_t)now + (uint64_t)step);
        }
        if (r->broken || now > INSTANT_MAX / unit || now < -(INSTANT_MAX / unit)) {
            return false;
        }
        p[i].at = now * unit;
    }
    uint64_t decimals = kind == KIND_DECIMAL ? get_varint(r) : 0;
    int64_t last = 0;
    bool ok = decimals <= MAX_DECIMALS;
    for (uint64_t i = 0; ok && i < n; i++) {
        ok = kind == KIND_TEXT ? get_text(r, &p[i])
                               : get_number(r, (int)kind, (int)decimals, &last, &p[i].number);
    }
    return ok && r->at == r->end;
}

bool chunk_unpack(const unsigned char *bytes, size_t length, GArray *points)
{
    if (length < 2 || bytes[0] > ZSTD) {
        return false;
    }
    g_autofree unsigned char *plain = NULL;
    struct reader r = {.at = bytes + 1, .end = bytes + length};
    if (bytes[0] == ZSTD) {
        unsigned long long size = ZSTD_getFrameContentSize(bytes + 1, length - 1);
        if (size > (64u << 20)) {
            return false;
        }
        plain = g_malloc(size + 1);
        size_t got = ZSTD_decompress(plain, size, bytes + 1, length - 1);
        if (ZSTD_isError(got) || got != size) {
            return false;
        }
        r = (struct reader){.at = plain, .end = plain + size};
    }
    return read_points(&r, points);
}
