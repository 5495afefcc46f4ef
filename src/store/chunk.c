/* SPDX-License-Identifier: Apache-2.0 */
/* Points as bytes: times as deltas of deltas, values as whole numbers of their own decimals, packed by zstd.
 *
 * A chunk: format (2 plain, 3 zstd), varint number of points, then the payload, as it is or as a zstd frame:
 *   head      varint: kind (0 decimals, 1 doubles, 2 texts) | unit of time << 2 | regular << 4
 *   times     zigzag varint first time in units; regular: zigzag step; else per further point the zigzag
 * change of the step values    kind 0: varint decimals, varint number of exceptions, each the varint distance
 * from the one before and 8 bytes; then per point the zigzag difference, 0 for an exception kind 1: 8 bytes
 * each. kind 2: varint length << 1 | is a number, and the bytes of the JSON text. Formats 0 (plain) and 1
 * (zstd) are those of the first version, which are read only: kind, number of points, varint unit, first
 * time, changes of step, and for kind 0 no exceptions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "store/chunk.h"

enum { OLD_PLAIN, OLD_ZSTD, PLAIN, PACKED };
enum { MAX_PLAIN = 64 << 20, WORTH_PACKING = 64, CHECKED_FROM = 1024 };

static const int64_t units[] = {60 * INSTANT_SECOND, INSTANT_SECOND, 1000, 1};
const double chunk_power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

void point_clear(void *point)
{
    g_free(((struct point *)point)->text);
}

bool point_number(const struct point *p, double *number)
{
    if (p->text == NULL) {
        *number = p->number;
        return true;
    }
    if (strchr(p->text, POINT_MORE) == NULL || (*p->text != '-' && !g_ascii_isdigit(*p->text))) {
        return false;
    }
    *number = g_ascii_strtod(p->text, NULL);
    return true;
}

GArray *point_array(void)
{
    GArray *points = g_array_new(FALSE, TRUE, sizeof(struct point));
    g_array_set_clear_func(points, point_clear);
    return points;
}

/* ---- varints ---- */

void put_varint(GByteArray *out, uint64_t n)
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

void put_signed(GByteArray *out, int64_t n)
{
    put_varint(out, ((uint64_t)n << 1) ^ (uint64_t)(n >> 63));
}

uint64_t get_long_varint(struct byte_reader *r)
{
    uint64_t n = 0;
    for (int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        unsigned char byte = *r->at++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return n;
        }
    }
    r->broken = true;
    return 0;
}

uint64_t get_varint(struct byte_reader *r)
{
    return get_quick(r);
}

int64_t get_signed(struct byte_reader *r)
{
    return get_quick_signed(r);
}

const unsigned char *get_bytes(struct byte_reader *r, uint64_t length)
{
    if (r->broken || length > (uint64_t)(r->end - r->at)) {
        r->broken = true;
        return NULL;
    }
    const unsigned char *bytes = r->at;
    r->at += length;
    return bytes;
}

/* ---- packing ---- */

static bool is_decimal(double v, int decimals)
{
    double scaled = v * chunk_power[decimals];
    if (!(fabs(scaled) < 9e15)) {
        return false;
    }
    int64_t whole = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    return (double)whole / chunk_power[decimals] == v && !(whole == 0 && signbit(v));
}

static int decimals_of(double v)
{
    for (int d = 0; d <= MAX_DECIMALS; d++) {
        if (is_decimal(v, d)) {
            return d;
        }
    }
    return MAX_DECIMALS + 1;
}

/* The decimals that make the values shortest, those that have more of them being exceptions; -1 when too many
 * are. */
static int best_decimals(const struct point *points, int n)
{
    int count[MAX_DECIMALS + 2] = {0};
    for (int i = 0; i < n; i++) {
        count[decimals_of(points[i].number)]++;
    }
    int best = -1;
    double best_cost = n * 6.0;
    int fitting = 0;
    for (int d = 0; d <= MAX_DECIMALS; d++) {
        fitting += count[d];
        double cost = (n - fitting) * 10.0 + n * 0.3 * d;
        if (fitting > 0 && cost < best_cost) {
            best = d;
            best_cost = cost;
        }
    }
    return best;
}

static int kind_of(const struct point *points, int n, int *decimals)
{
    for (int i = 0; i < n; i++) {
        if (points[i].text != NULL) {
            return KIND_TEXT;
        }
    }
    *decimals = best_decimals(points, n);
    return *decimals >= 0 ? KIND_DECIMAL : KIND_DOUBLE;
}

/* The longest unit that all times are whole numbers of. */
static int unit_of(const struct point *points, int n)
{
    int unit = 0;
    for (int i = 0; i < n && unit < 3; i++) {
        while (points[i].at % units[unit] != 0) {
            unit++;
        }
    }
    return unit;
}

static bool is_regular(const struct point *points, int n)
{
    for (int i = 2; i < n; i++) {
        if (points[i].at - points[i - 1].at != points[1].at - points[0].at) {
            return false;
        }
    }
    return true;
}

static void put_times(GByteArray *out, const struct point *points, int n, int64_t unit, bool regular)
{
    int64_t last = points[0].at / unit;
    int64_t step = 0;
    put_signed(out, last);
    for (int i = 1; i < (regular ? MIN(n, 2) : n); i++) {
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

static void put_exceptions(GByteArray *out, const struct point *points, int n, int decimals)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        count += !is_decimal(points[i].number, decimals);
    }
    put_varint(out, (uint64_t)count);
    int before = 0;
    for (int i = 0; i < n && count > 0; i++) {
        if (!is_decimal(points[i].number, decimals)) {
            put_varint(out, (uint64_t)(i - before));
            g_byte_array_append(out, (const guint8 *)&points[i].number, sizeof points[i].number);
            before = i;
        }
    }
}

static void put_decimals(GByteArray *out, const struct point *points, int n, int decimals)
{
    int64_t last = 0;
    put_varint(out, (uint64_t)decimals);
    put_exceptions(out, points, n, decimals);
    for (int i = 0; i < n; i++) {
        bool fits = is_decimal(points[i].number, decimals);
        int64_t now = fits ? llround(points[i].number * chunk_power[decimals]) : last;
        put_signed(out, now - last);
        last = now;
    }
}

static void put_payload(GByteArray *out, const struct point *points, int n)
{
    int decimals = 0;
    int kind = kind_of(points, n, &decimals);
    int unit = unit_of(points, n);
    bool regular = is_regular(points, n);
    put_varint(out, (uint64_t)(kind | unit << 2 | regular << 4));
    put_times(out, points, n, units[unit], regular);
    if (kind == KIND_DECIMAL) {
        put_decimals(out, points, n, decimals);
    }
    for (int i = 0; i < n && kind != KIND_DECIMAL; i++) {
        if (kind == KIND_TEXT) {
            put_text(out, &points[i]);
        } else {
            g_byte_array_append(out, (const guint8 *)&points[i].number, sizeof points[i].number);
        }
    }
}

/* The zstd frame of the payload; empty when it would not be shorter. A long one carries a checksum. */
static GByteArray *zstd_frame(const GByteArray *plain, int n, int level)
{
    GByteArray *frame = g_byte_array_new();
    g_byte_array_set_size(frame, (guint)ZSTD_compressBound(plain->len));
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, n >= CHECKED_FROM);
    size_t length = ZSTD_compress2(z, frame->data, frame->len, plain->data, plain->len);
    ZSTD_freeCCtx(z);
    g_byte_array_set_size(frame, ZSTD_isError(length) || length >= plain->len ? 0 : (guint)length);
    return frame;
}

void chunk_pack(GByteArray *out, const struct point *points, int n, int level)
{
    g_assert(n > 0);
    g_autoptr(GByteArray) plain = g_byte_array_sized_new((guint)n * 2 + 32);
    put_payload(plain, points, n);
    bool try = level != CHUNK_PLAIN && plain->len > WORTH_PACKING;
    g_autoptr(GByteArray) frame = try ? zstd_frame(plain, n, level) : NULL;
    const GByteArray *body = frame != NULL && frame->len > 0 ? frame : plain;
    guint8 format = body == plain ? PLAIN : PACKED;
    g_byte_array_append(out, &format, 1);
    put_varint(out, (uint64_t)n);
    g_byte_array_append(out, body->data, body->len);
}

/* ---- reading ---- */

static bool get_text(struct byte_reader *r, struct point *p)
{
    uint64_t head = get_varint(r);
    const unsigned char *bytes = get_bytes(r, head >> 1);
    if (bytes == NULL) {
        return false;
    }
    g_autofree char *text = g_strndup((const char *)bytes, head >> 1);
    if ((head & 1) != 0) {
        p->number = g_ascii_strtod(text, NULL);
        return isfinite(p->number);
    }
    p->text = g_steal_pointer(&text);
    return true;
}

static bool get_times(struct byte_reader *r, struct point *p, uint64_t n, int64_t unit, bool regular)
{
    int64_t now = get_signed(r);
    int64_t step = 0;
    int64_t most = INSTANT_MAX / unit;
    for (uint64_t i = 0; i < n; i++) {
        if (i > 0) {
            int64_t change = regular && i > 1 ? 0 : get_quick_signed(r);
            step = (int64_t)((uint64_t)step + (uint64_t)change);
            now = (int64_t)((uint64_t)now + (uint64_t)step);
        }
        if (now > most || now < -most || (i > 0 && step <= 0)) {
            return false;
        }
        p[i].at = now * unit;
    }
    return !r->broken;
}

static bool get_exceptions(struct byte_reader *r, struct point *p, uint64_t n, const unsigned char *from)
{
    struct byte_reader x = {.at = from, .end = r->end};
    uint64_t count = get_varint(&x);
    uint64_t place = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t distance = get_varint(&x);
        const unsigned char *bytes = get_bytes(&x, sizeof(double));
        if (bytes == NULL || (i > 0 && distance == 0) || distance >= n || (place += distance) >= n) {
            return false;
        }
        memcpy(&p[place].number, bytes, sizeof(double));
        if (!isfinite(p[place].number)) {
            return false;
        }
    }
    return true;
}

/* Steps over the list of exceptions, which is read after the values that it corrects. */
static void skip_exceptions(struct byte_reader *r)
{
    uint64_t count = get_varint(r);
    for (uint64_t i = 0; i < count && !r->broken; i++) {
        get_varint(r);
        get_bytes(r, sizeof(double));
    }
}

static bool get_decimals(struct byte_reader *r, struct point *p, uint64_t n, bool old)
{
    uint64_t decimals = get_varint(r);
    if (decimals > MAX_DECIMALS) {
        return false;
    }
    const unsigned char *exceptions = old ? NULL : r->at;
    if (!old) {
        skip_exceptions(r);
    }
    double divisor = chunk_power[decimals];
    int64_t last = 0;
    for (uint64_t i = 0; i < n; i++) {
        last = (int64_t)((uint64_t)last + (uint64_t)get_quick_signed(r));
        p[i].number = (double)last / divisor;
    }
    return !r->broken && (old || get_exceptions(r, p, n, exceptions));
}

static bool get_values(struct byte_reader *r, struct point *p, uint64_t n, uint64_t kind, bool old)
{
    if (kind == KIND_DECIMAL) {
        return get_decimals(r, p, n, old);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (kind == KIND_TEXT && !get_text(r, &p[i])) {
            return false;
        }
        if (kind == KIND_DOUBLE) {
            const unsigned char *bytes = get_bytes(r, sizeof(double));
            if (bytes == NULL) {
                return false;
            }
            memcpy(&p[i].number, bytes, sizeof(double));
            if (!isfinite(p[i].number)) {
                return false;
            }
        }
    }
    return true;
}

static struct point *add_points(GArray *points, uint64_t n)
{
    guint first = points->len;
    g_array_set_size(points, first + (guint)n);
    return &g_array_index(points, struct point, first);
}

static bool open_old(struct chunk_head *head)
{
    uint64_t kind = get_varint(&head->rest);
    head->kind = kind <= KIND_TEXT ? (enum chunk_kind)kind : KIND_TEXT;
    head->n = get_varint(&head->rest);
    head->unit = (int64_t)get_varint(&head->rest);
    return kind <= KIND_TEXT && (head->unit == 1 || head->unit == 1000 || head->unit == INSTANT_SECOND);
}

static bool open_payload(struct chunk_head *head)
{
    uint64_t bits = get_varint(&head->rest);
    head->kind = (enum chunk_kind)(bits & 3);
    head->unit = units[bits >> 2 & 3];
    head->regular = (bits >> 4) != 0;
    return bits <= 31 && (bits & 3) <= KIND_TEXT;
}

/* Puts the reader on the bytes of a zstd frame, unpacked. */
static bool open_frame(struct chunk_head *head)
{
    struct byte_reader *r = &head->rest;
    size_t length = (size_t)(r->end - r->at);
    unsigned long long size = ZSTD_getFrameContentSize(r->at, length);
    if (size > MAX_PLAIN) {
        return false;
    }
    head->plain = g_malloc(size + 1);
    size_t got = ZSTD_decompress(head->plain, size, r->at, length);
    *r = (struct byte_reader){.at = head->plain, .end = head->plain + size};
    return !ZSTD_isError(got) && got == size;
}

bool chunk_open(const unsigned char *bytes, size_t length, struct chunk_head *head)
{
    *head = (struct chunk_head){.rest = {.at = bytes + 1, .end = bytes + length}};
    if (length < 2 || bytes[0] > PACKED) {
        return false;
    }
    head->old = bytes[0] < PLAIN;
    head->n = head->old ? 0 : get_varint(&head->rest);
    bool packed = bytes[0] == OLD_ZSTD || bytes[0] == PACKED;
    /* every value takes a byte at least, so that n is not just a number */
    bool ok = !head->rest.broken && (!packed || open_frame(head)) &&
              (head->old ? open_old(head) : open_payload(head)) && !head->rest.broken && head->n > 0 &&
              head->n <= (uint64_t)(head->rest.end - head->rest.at);
    if (!ok) {
        g_clear_pointer(&head->plain, g_free);
    }
    return ok;
}

bool chunk_unpack(const unsigned char *bytes, size_t length, GArray *points)
{
    struct chunk_head head;
    guint before = points->len;
    if (!chunk_open(bytes, length, &head)) {
        return false;
    }
    struct point *p = add_points(points, head.n);
    struct byte_reader *r = &head.rest;
    bool ok = get_times(r, p, head.n, head.unit, head.regular) &&
              get_values(r, p, head.n, head.kind, head.old) && r->at == r->end;
    g_free(head.plain);
    if (!ok) {
        g_array_set_size(points, before);
    }
    return ok;
}

int chunk_count(const unsigned char *bytes, size_t length)
{
    struct byte_reader r = {.at = bytes + 1, .end = bytes + length};
    uint64_t n = length > 1 && bytes[0] >= PLAIN && bytes[0] <= PACKED ? get_varint(&r) : 0;
    return (int)MIN(n, INT32_MAX);
}
