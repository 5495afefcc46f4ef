/* SPDX-License-Identifier: Apache-2.0 */
/* Building, reading and changing trees. */
#include "json/json.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static struct json *node(struct arena *a, enum json_type type)
{
    struct json *v = arena_new0(a, struct json);
    v->type = type;
    return v;
}

struct json *json_null(struct arena *a)
{
    return node(a, JSON_NULL);
}

struct json *json_bool(struct arena *a, bool value)
{
    struct json *v = node(a, JSON_BOOL);
    v->boolean = value;
    return v;
}

struct json *json_int(struct arena *a, int64_t value)
{
    struct json *v = node(a, JSON_INT);
    v->integer = value;
    return v;
}

struct json *json_double(struct arena *a, double value)
{
    g_assert(isfinite(value));
    struct json *v = node(a, JSON_DOUBLE);
    v->number = value;
    return v;
}

struct json *json_stringn(struct arena *a, const char *text, size_t n)
{
    struct json *v = node(a, JSON_STRING);
    v->string = arena_strndup(a, text, n);
    v->length = (uint32_t)n;
    return v;
}

struct json *json_string(struct arena *a, const char *text)
{
    return json_stringn(a, text, strlen(text));
}

struct json *json_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return json_string(a, text);
}

struct json *json_array(struct arena *a)
{
    return node(a, JSON_ARRAY);
}

struct json *json_object(struct arena *a)
{
    return node(a, JSON_OBJECT);
}

struct json *json_append(struct json *array, struct json *value)
{
    value->next = NULL;
    if (array->first == NULL) {
        array->first = value;
    } else {
        array->last->next = value;
    }
    array->last = value;
    array->length++;
    return value;
}

struct json *json_add(struct json *object, const char *key, struct json *value)
{
    value->key = key;
    value->key_length = (uint32_t)strlen(key);
    return json_append(object, value);
}

struct json *json_first(const struct json *value)
{
    return value != NULL && (value->type == JSON_ARRAY || value->type == JSON_OBJECT) ? value->first : NULL;
}

struct json *json_copy(struct arena *a, const struct json *value)
{
    struct json *copy;
    if (value->type == JSON_STRING) {
        copy = json_stringn(a, value->string, value->length);
    } else {
        copy = node(a, value->type);
        if (value->type != JSON_ARRAY && value->type != JSON_OBJECT) {
            copy->integer = value->integer;
            if (value->type == JSON_DOUBLE) {
                copy->number = value->number;
            } else if (value->type == JSON_BOOL) {
                copy->boolean = value->boolean;
            }
        }
        for (const struct json *c = json_first(value); c != NULL; c = c->next) {
            struct json *child = json_copy(a, c);
            if (c->key != NULL) {
                child->key = arena_strndup(a, c->key, c->key_length);
                child->key_length = c->key_length;
            }
            json_append(copy, child);
        }
    }
    copy->line = value->line;
    return copy;
}

struct json *json_getn(const struct json *object, const char *key, size_t key_length)
{
    if (object == NULL || object->type != JSON_OBJECT) {
        return NULL;
    }
    for (struct json *c = object->first; c != NULL; c = c->next) {
        if (c->key_length == key_length && memcmp(c->key, key, key_length) == 0) {
            return c;
        }
    }
    return NULL;
}

struct json *json_get(const struct json *object, const char *key)
{
    return json_getn(object, key, strlen(key));
}

/* Unlinks child, whose predecessor is before (NULL for the first). */
static void unlink_child(struct json *parent, struct json *before, struct json *child)
{
    if (before == NULL) {
        parent->first = child->next;
    } else {
        before->next = child->next;
    }
    if (parent->last == child) {
        parent->last = before;
    }
    child->next = NULL;
    parent->length--;
}

struct json *json_remove(struct json *object, const char *key)
{
    struct json *before = NULL;
    size_t key_length = strlen(key);
    for (struct json *c = json_first(object); c != NULL; before = c, c = c->next) {
        if (c->key_length == key_length && memcmp(c->key, key, key_length) == 0) {
            unlink_child(object, before, c);
            return c;
        }
    }
    return NULL;
}

struct json *json_set(struct arena *a, struct json *object, const char *key, struct json *value)
{
    struct json *before = NULL;
    size_t key_length = strlen(key);
    for (struct json *c = object->first; c != NULL; before = c, c = c->next) {
        if (c->key_length == key_length && memcmp(c->key, key, key_length) == 0) {
            if (c == value) {
                return value;
            }
            value->key = c->key;
            value->key_length = c->key_length;
            value->next = c->next;
            if (before == NULL) {
                object->first = value;
            } else {
                before->next = value;
            }
            if (object->last == c) {
                object->last = value;
            }
            return value;
        }
    }
    return json_add(object, arena_strndup(a, key, key_length), value);
}

bool json_is(const struct json *value, enum json_type type)
{
    return value != NULL && value->type == type;
}

bool json_is_number(const struct json *value)
{
    return value != NULL && (value->type == JSON_INT || value->type == JSON_DOUBLE);
}

double json_number(const struct json *value)
{
    return value->type == JSON_INT ? (double)value->integer : value->number;
}

bool json_streq(const struct json *value, const char *text)
{
    return json_is(value, JSON_STRING) && strcmp(value->string, text) == 0;
}

const char *json_get_string(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, key);
    return json_is(v, JSON_STRING) ? v->string : NULL;
}

bool json_get_bool(const struct json *object, const char *key, bool otherwise)
{
    const struct json *v = json_get(object, key);
    return json_is(v, JSON_BOOL) ? v->boolean : otherwise;
}

int64_t json_get_int(const struct json *object, const char *key, int64_t otherwise)
{
    const struct json *v = json_get(object, key);
    return json_is(v, JSON_INT) ? v->integer : otherwise;
}

double json_get_double(const struct json *object, const char *key, double otherwise)
{
    const struct json *v = json_get(object, key);
    return json_is_number(v) ? json_number(v) : otherwise;
}

static bool equal_children(const struct json *a, const struct json *b)
{
    if (a->length != b->length) {
        return false;
    }
    const struct json *y = b->first;
    for (const struct json *x = a->first; x != NULL; x = x->next) {
        const struct json *other = y;
        if (a->type == JSON_OBJECT &&
            (y->key_length != x->key_length || memcmp(y->key, x->key, x->key_length) != 0)) {
            other = json_getn(b, x->key, x->key_length);
        }
        if (other == NULL || !json_equal(x, other)) {
            return false;
        }
        y = y->next;
    }
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (json_is_number(a) && json_is_number(b)) {
        if (a->type == JSON_INT && b->type == JSON_INT) {
            return a->integer == b->integer;
        }
        return json_number(a) == json_number(b);
    }
    if (a == NULL || b == NULL || a->type != b->type) {
        return a == b;
    }
    switch (a->type) {
    case JSON_NULL: return true;
    case JSON_BOOL: return a->boolean == b->boolean;
    case JSON_STRING: return a->length == b->length && memcmp(a->string, b->string, a->length) == 0;
    default: return equal_children(a, b);
    }
}

struct json *json_merge_patch(struct arena *a, struct json *target, const struct json *patch)
{
    if (patch->type != JSON_OBJECT) {
        return json_copy(a, patch);
    }
    if (target == NULL || target->type != JSON_OBJECT) {
        target = json_object(a);
    }
    for (const struct json *p = patch->first; p != NULL; p = p->next) {
        if (p->type == JSON_NULL) {
            json_remove(target, p->key);
        } else {
            struct json *old = json_getn(target, p->key, p->key_length);
            struct json *merged = json_merge_patch(a, old, p);
            if (merged != old) {
                json_set(a, target, p->key, merged);
            }
        }
    }
    return target;
}
