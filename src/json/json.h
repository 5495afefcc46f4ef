/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259) as a tree in an arena: parse, look up, build, merge, write; and tables that read objects.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "base/arena.h"
#include "base/error.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* One value. All of it, strings too, lives in the arena it was made in. Strings are UTF-8, NUL-terminated,
 * and may hold no NUL inside (json_parse refuses \u0000). Children are a singly linked list in document
 * order. A node is in one list only: to use a value in two places, json_copy it. */
struct json {
    enum json_type type;
    uint32_t line;   /* line in the YAML file it came from; 0 for JSON */
    const char *key; /* the member's name when the parent is an object, else NULL */
    uint32_t key_length;
    uint32_t length; /* bytes of a string; number of children of an array or object */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *string;
        struct {
            struct json *first, *last;
        };
    };
    struct json *next;
};

/* Parses one document. The input need not be terminated. Refuses: invalid UTF-8, duplicate or trailing text,
 * depth over LIMIT_JSON_DEPTH, NUL in strings, numbers outside a double, empty input. An integer outside
 * int64 becomes a double. Returns NULL and sets e (ERROR_INVALID_REQUEST) on failure. Duplicate member names:
 * the last one stands. */
struct json *json_parse(struct arena *a, const char *text, size_t length, struct error *e);

/* ---- building; all return the new node, with key NULL ---- */
struct json *json_null(struct arena *a);
struct json *json_bool(struct arena *a, bool value);
struct json *json_int(struct arena *a, int64_t value);
struct json *json_double(struct arena *a, double value);                /* value must be finite */
struct json *json_string(struct arena *a, const char *text);            /* copies */
struct json *json_stringn(struct arena *a, const char *text, size_t n); /* copies */
struct json *json_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct json *json_array(struct arena *a);
struct json *json_object(struct arena *a);
/* Deep copy into a (which may be the arena of the original or another). */
struct json *json_copy(struct arena *a, const struct json *value);

/* Appends value to an array; returns value. */
struct json *json_append(struct json *array, struct json *value);
/* Sets member key (copied into a) to value, in place of one of the same name, else at the end; returns value.
 */
struct json *json_set(struct arena *a, struct json *object, const char *key, struct json *value);
/* The same without looking for an older one: for objects being built. key must outlive the tree (a literal,
 * or text in the arena). */
struct json *json_add(struct json *object, const char *key, struct json *value);
/* Unlinks a member; returns it or NULL. */
struct json *json_remove(struct json *object, const char *key);

/* ---- reading; each accepts NULL and values of another type ---- */
/* The member, or NULL when there is none or object is no object. */
struct json *json_get(const struct json *object, const char *key);
struct json *json_getn(const struct json *object, const char *key, size_t key_length);
/* The string of a member, or NULL when it is missing or no string. */
const char *json_get_string(const struct json *object, const char *key);
bool json_get_bool(const struct json *object, const char *key, bool otherwise);
int64_t json_get_int(const struct json *object, const char *key, int64_t otherwise);
double json_get_double(const struct json *object, const char *key, double otherwise); /* ints too */
bool json_is_number(const struct json *value);
double json_number(const struct json *value);                /* of an int or double */
bool json_is(const struct json *value, enum json_type type); /* false for NULL */
bool json_streq(const struct json *value, const char *text); /* value is a string equal to text */
/* Same type and content; object members in any order; 1 equals 1.0. */
bool json_equal(const struct json *a, const struct json *b);
/* for (struct json *c = json_first(x); c != NULL; c = c->next) */
struct json *json_first(const struct json *value);

/* ---- writing ---- */
/* Appends compact JSON. Doubles are written as the shortest text that reads back the same; never NaN or
 * infinity. */
void json_write(GString *out, const struct json *value);
/* Members sorted by their bytes at every level, no white space, the same numbers written the same: one text
 * for one value, fit for digests (the subset of RFC 8785 that our values need). */
void json_write_canonical(GString *out, const struct json *value);
/* Appends a string literal with quotes. */
void json_write_string(GString *out, const char *text, size_t length);
/* Compact text in the arena. */
char *json_text(struct arena *a, const struct json *value);

/* JSON merge patch, RFC 7396: members of patch replace those of target, null removes, objects merge. Returns
 * the result, made of nodes of both (which must share the arena a). */
struct json *json_merge_patch(struct arena *a, struct json *target, const struct json *patch);

/* ---- objects as data ---- */
/* Where a member goes in a C struct: `const char *`, `int64_t`, `double`, `bool`, or the node itself. */
enum json_field_type {
    FIELD_STRING, /* const char ** ; points into the tree */
    FIELD_INT,    /* int64_t * */
    FIELD_DOUBLE, /* double *, ints accepted */
    FIELD_BOOL,   /* bool * */
    FIELD_ARRAY,  /* const struct json ** */
    FIELD_OBJECT, /* const struct json ** */
    FIELD_ANY,    /* const struct json ** */
    FIELD_SPAN,   /* int64_t *, microseconds, written "10m" or "PT10M" (span_parse) */
    FIELD_TEXT,   /* const struct json **: a string, or an object {zh: …, en: …} */
};
struct json_field {
    const char *name;
    enum json_field_type type;
    size_t offset;
    bool required;
};
/* Reads the members of object that fields names (ended by a NULL name) into the struct at out; members that
 * are not there leave it as it is. A member that no field names is an error that lists the known ones, unless
 * others is true. The sentence names the member, and the line where the tree has lines. */
bool json_read(const struct json *object, const struct json_field *fields, void *out, bool others,
               struct error *e);
