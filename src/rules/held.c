/* SPDX-License-Identifier: Apache-2.0 */
/* Reads, compares and shows the last value of one attribute. */
#include "rules/held.h"

#include <string.h>

enum { MAX_TEXT_HELD = 1 << 16 }; /* bytes of one text; longer ones are missing to formulas */
static bool is_point(const struct json *geometry, double point[2])
{
    const struct json *c = json_get(geometry, "coordinates");
    if (!json_streq(json_get(geometry, "type"), "Point") || !json_is(c, JSON_ARRAY) || c->length < 2 ||
        !json_is_number(c->first) || !json_is_number(c->first->next)) {
        return false;
    }
    point[0] = json_number(c->first);
    point[1] = json_number(c->first->next);
    return true;
}

static void read_geometry(struct held *out, const struct json *geometry)
{
    if (is_point(geometry, out->point)) {
        out->kind = HELD_POINT;
    } else if (json_get(geometry, "coordinates") != NULL || json_get(geometry, "geometries") != NULL) {
        GString *text = g_string_new(NULL);
        json_write(text, geometry);
        out->kind = HELD_GEOMETRY;
        out->text = g_string_free(text, FALSE);
    }
}

static void read_value(struct held *out, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NUMBER:
        out->kind = HELD_NUMBER;
        out->number = v->number;
        break;
    case VALUE_BOOL:
        out->kind = HELD_BOOL;
        out->boolean = v->boolean;
        break;
    case VALUE_STRING:
        if (strlen(v->string) <= MAX_TEXT_HELD) {
            out->kind = HELD_STRING;
            out->text = g_strdup(v->string);
        }
        break;
    case VALUE_MISSING: break;
    }
}

void held_read(struct held *out, const struct json *attribute)
{
    const struct json *instance = default_instance(attribute);
    for (const struct json *m = json_first(instance); m != NULL; m = m->next) {
        if (strcmp(m->key, "value") == 0 || strcmp(m->key, "object") == 0 || strcmp(m->key, "vocab") == 0) {
            struct value v = value_of_json(m);
            read_value(out, &v);
            if (v.kind == VALUE_MISSING && m->type == JSON_OBJECT) {
                read_geometry(out, m);
            }
            return;
        }
        if (strcmp(m->key, "languageMap") == 0) {
            const char *zh = json_get_string(m, "zh");
            const struct json *first = json_first(m);
            struct value v = value_string(zh != NULL                    ? zh
                                          : json_is(first, JSON_STRING) ? first->string
                                                                        : NULL);
            read_value(out, &v);
            return;
        }
    }
}

bool held_equal(const struct held *a, const struct held *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case HELD_NUMBER: return a->number == b->number;
    case HELD_BOOL: return a->boolean == b->boolean;
    case HELD_POINT: return a->point[0] == b->point[0] && a->point[1] == b->point[1];
    case HELD_STRING:
    case HELD_GEOMETRY: return strcmp(a->text, b->text) == 0;
    default: return true;
    }
}

struct value held_value(const struct held *h)
{
    switch (h != NULL ? h->kind : HELD_MISSING) {
    case HELD_NUMBER: return value_number(h->number);
    case HELD_BOOL: return value_bool(h->boolean);
    case HELD_STRING: return value_string(h->text);
    default: return (struct value){VALUE_MISSING};
    }
}

void held_clear(struct held *h)
{
    if (h->kind == HELD_STRING || h->kind == HELD_GEOMETRY) {
        g_free(h->text);
    }
    h->kind = HELD_MISSING;
}

struct json *held_json(struct arena *a, const struct held *h)
{
    switch (h->kind) {
    case HELD_NUMBER: return json_double(a, h->number);
    case HELD_BOOL: return json_bool(a, h->boolean);
    case HELD_STRING: return json_string(a, h->text);
    case HELD_GEOMETRY: return json_parse(a, h->text, strlen(h->text), NULL);
    case HELD_POINT: {
        struct json *g = json_object(a);
        json_add(g, "type", json_string(a, "Point"));
        struct json *c = json_add(g, "coordinates", json_array(a));
        json_append(c, json_double(a, h->point[0]));
        json_append(c, json_double(a, h->point[1]));
        return g;
    }
    default: return json_null(a);
    }
}
