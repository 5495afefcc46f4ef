/* SPDX-License-Identifier: Apache-2.0 */
/* Values to bytes whose order is that of 4.23.2: numbers, strings, objects, arrays, booleans, times, dates,
 * instants, null, nothing. The kinds stand in this order in both directions; only values of one kind change
 * places. */
#include "context/query/order_key.h"

#include <math.h>
#include <string.h>

#include <unicode/ucol.h>
#include <unicode/ustring.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/query/render.h"

enum rank {
    END, /* of an array: before any element */
    NUMBER,
    STRING,
    OBJECT,
    ARRAY,
    BOOLEAN,
    TIME,
    DATE,
    DATE_TIME,
    NULL_VALUE,
    ABSENT,
};

/* ---- the value ---- */

static const struct json *instance_of(const struct json *attribute)
{
    const struct json *instance = instance_find(attribute, NULL);
    return instance != NULL ? instance : instance_first(attribute);
}

static bool is_time_of(const char *name)
{
    return strcmp(name, "createdAt") == 0 || strcmp(name, "modifiedAt") == 0;
}

/* Kept in microseconds. */
static bool is_system_time(const char *name)
{
    return name != NULL &&
           (is_time_of(name) || strcmp(name, "expiresAt") == 0 || strcmp(name, "deletedAt") == 0);
}

/* The value within an instance: languages are chosen, members followed. */
static const struct json *value_of(const struct json *instance, const struct order_term *term,
                                   const struct order_scale *scale)
{
    const struct json *value = instance_value(instance);
    if (instance_kind(instance) == KIND_LANGUAGE && json_is(value, JSON_OBJECT)) {
        const char *language = NULL;
        const char *lang = scale->lang != NULL ? scale->lang : "@none";
        return render_language(value, *term->members != NULL ? *term->members : lang, &language);
    }
    for (const char *const *m = term->members; *m != NULL; m++) {
        value = json_get(value, *m);
    }
    return value;
}

/* What the path leads to, or NULL. */
static const struct json *target(const struct json *entity, const struct order_term *term,
                                 const struct order_scale *scale)
{
    const struct json *at = json_get(entity, term->path[0]);
    if (at == NULL || !entity_is_attribute(at)) {
        return term->path[1] == NULL && *term->members == NULL ? at : NULL;
    }
    at = instance_of(at);
    for (const char *const *name = term->path + 1; *name != NULL && at != NULL; name++) {
        const struct json *next = json_get(at, *name);
        if (next == NULL && is_time_of(*name)) {
            next = json_get(entity, *name); /* an instance has its own only where they differ */
        }
        at = json_is(next, JSON_ARRAY) || json_is(next, JSON_OBJECT) ? instance_of(next) : next;
        if (at != NULL && at->type != JSON_OBJECT) {
            return name[1] == NULL && *term->members == NULL ? at : NULL;
        }
    }
    return at != NULL ? value_of(at, term, scale) : NULL;
}

/* ---- bytes ---- */

struct writer {
    GByteArray *out;
    const struct order_scale *scale;
    bool descending;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
    guint from = w->out->len;
    g_byte_array_append(w->out, bytes, (guint)n);
    for (guint i = from; w->descending && i < w->out->len; i++) {
        w->out->data[i] = (guint8)~w->out->data[i];
    }
}

static void put_rank(struct writer *w, int rank)
{
    guint8 byte = (guint8)rank;
    g_byte_array_append(w->out, &byte, 1);
}

static void put_u64(struct writer *w, uint64_t n)
{
    uint64_t big = GUINT64_TO_BE(n);
    put(w, &big, sizeof big);
}

static void put_number(struct writer *w, double d)
{
    uint64_t bits;
    d = d == 0 ? 0 : d; /* no negative zero */
    memcpy(&bits, &d, sizeof bits);
    put_u64(w, bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63);
}

static void put_instant(struct writer *w, int64_t t)
{
    put_u64(w, (uint64_t)t ^ UINT64_C(1) << 63);
}

/* ICU's sort key; it ends with a zero byte and has none inside. */
static void put_collated(struct writer *w, const char *text, size_t length)
{
    UChar wide[LIMIT_ORDER_TEXT + 1];
    uint8_t key[LIMIT_ORDER_TEXT * 8];
    int32_t n = 0;
    UErrorCode status = U_ZERO_ERROR;
    const char *end = text + MIN(length, (size_t)LIMIT_ORDER_TEXT);
    if (end < text + length) {
        end = g_utf8_find_prev_char(text, end + 1); /* not within a character */
    }
    u_strFromUTF8(wide, G_N_ELEMENTS(wide), &n, text, (int32_t)(end - text), &status);
    int32_t used = U_SUCCESS(status) ? ucol_getSortKey(w->scale->collator, wide, n, key, sizeof key) : 0;
    bool whole = used > 0 && used <= (int32_t)sizeof key;
    put(w, key, whole ? (size_t)used : used > 0 ? sizeof key : 0);
    if (!whole) {
        put(w, "", 1);
    }
}

static void put_string(struct writer *w, const struct json *v)
{
    instant t;
    if (instant_parse(v->string, v->length, NULL, &t)) {
        put_rank(w, DATE_TIME);
        put_instant(w, t);
    } else if (day_parse(v->string, v->length, &t)) {
        put_rank(w, DATE);
        put_instant(w, t);
    } else if (day_time_parse(v->string, v->length, &t)) {
        put_rank(w, TIME);
        put_instant(w, t);
    } else {
        put_rank(w, STRING);
        put_collated(w, v->string, v->length);
    }
}

static void put_object(struct writer *w, const struct json *v)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_canonical(text, v);
    put_rank(w, OBJECT);
    put(w, text->str, MIN(text->len, (gsize)LIMIT_ORDER_TEXT));
    put(w, "", 1);
}

static void put_value(struct writer *w, const struct json *v);

static void put_array(struct writer *w, const struct json *v)
{
    guint from = w->out->len;
    guint8 end = END;
    put_rank(w, ARRAY);
    for (const struct json *c = v->first; c != NULL && w->out->len - from < LIMIT_ORDER_TEXT; c = c->next) {
        put_value(w, c);
    }
    put(w, &end, 1);
}

static void put_value(struct writer *w, const struct json *v)
{
    guint8 truth;
    const struct json *typed = json_get(v, "@value");
    v = typed != NULL ? typed : v;
    switch (v->type) {
    case JSON_NULL: put_rank(w, NULL_VALUE); break;
    case JSON_BOOL:
        truth = v->boolean;
        put_rank(w, BOOLEAN);
        put(w, &truth, 1);
        break;
    case JSON_INT:
    case JSON_DOUBLE:
        put_rank(w, NUMBER);
        put_number(w, json_number(v));
        break;
    case JSON_STRING: put_string(w, v); break;
    case JSON_ARRAY: put_array(w, v); break;
    case JSON_OBJECT: put_object(w, v); break;
    }
}

/* ---- distances ---- */

static double distance_of(const struct json *value, const struct geometry *from)
{
    arena_auto a = arena_new();
    const struct geometry *g = is_geometry(value) ? geometry_parse(a, value, NULL) : NULL;
    if (g == NULL) {
        return INFINITY;
    }
    return g->kind == GEOMETRY_POINT && from->kind == GEOMETRY_POINT
               ? geo_haversine(g->xy[0], g->xy[1], from->xy[0], from->xy[1])
               : geometry_distance(g, from);
}

void order_key(GByteArray *out, const struct order_term *term, const struct order_scale *scale,
               const struct json *entity)
{
    struct writer w = {out, scale, term->descending};
    const struct json *value = target(entity, term, scale);
    if (term->by_distance) {
        double metres = distance_of(value, scale->from);
        put_rank(&w, isfinite(metres) ? 0 : 1); /* geometries come first */
        if (isfinite(metres)) {
            put_number(&w, metres);
            return;
        }
    }
    if (value == NULL) {
        put_rank(&w, ABSENT);
    } else if (value->type == JSON_INT && is_system_time(value->key)) {
        put_rank(&w, DATE_TIME);
        put_instant(&w, value->integer);
    } else if (value->type == JSON_ARRAY && value->length == 1 && !entity_is_attribute(value)) {
        put_value(&w, value->first); /* type and scope are always stored as arrays */
    } else {
        put_value(&w, value);
    }
}
