/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ingest share; nobody outside includes this. */
#pragma once

#include <string.h>

#include "base/limits.h"
#include "context/entity/entity.h"
#include "context/entity/ingest.h"

enum {
    MAX_UNIT_CODE = 64, /* bytes */
    MAX_SCOPE = 1024,   /* bytes of one scope */
};

struct ingest {
    struct arena *a;
    const struct ld_context *ctx;
    int flags;
    struct error *e;
    bool renamed; /* some name is stored otherwise than it was written */
};

#define REFUSE(in, en, ...) error_set((in)->e, ERROR_BAD_REQUEST_DATA, en, __VA_ARGS__)

static inline bool is_key(const struct json *member, const char *name, size_t length)
{
    return member->key_length == length && memcmp(member->key, name, length) == 0;
}
#define KEY(member, literal) is_key(member, literal, sizeof literal - 1)

static inline struct json *ingest_add(struct json *object, const char *key, uint32_t key_length,
                                      struct json *value)
{
    value->key = key;
    value->key_length = key_length;
    return json_append(object, value);
}
#define ADD(object, literal, value) ingest_add(object, literal, sizeof literal - 1, value)

/* A string of static memory, not copied. */
static inline struct json *ingest_literal(struct arena *a, const char *text)
{
    struct json *v = json_null(a);
    v->type = JSON_STRING;
    v->string = text;
    v->length = (uint32_t)strlen(text);
    return v;
}
/* ---- ingest_value.c ---- */

/* A type or attribute name, checked and expanded; name itself when it is stored as written. NULL with e set.
 */
const char *ingest_expand(struct ingest *in, const char *name, size_t length);
/* An NGSI-LD Null where the operation takes one. */
bool ingest_is_deletion(const struct ingest *in, const struct json *v);
bool ingest_check_uri(struct ingest *in, const char *what, const struct json *v);
/* A time in UTC text; shares the text when it is written so already. */
struct json *ingest_time(struct ingest *in, const char *what, const struct json *v);
/* createdAt or modifiedAt as another hub says it, in microseconds; NULL when it is no time. */
struct json *ingest_system_time(struct ingest *in, const struct json *v);
/* A time in microseconds, as expiresAt is kept. */
struct json *ingest_expiry(struct ingest *in, const struct json *v);
/* A name or an array of names as an array of stored names, each once. */
struct json *ingest_names(struct ingest *in, const struct json *v, int most);
/* The value of an attribute of this kind. */
struct json *ingest_value(struct ingest *in, enum attribute_kind kind, const struct json *v);

/* ---- ingest_attribute.c ---- */

/* Adds the attribute m (level -1: of the entity; else of an attribute at that level) to out. */
bool ingest_member(struct ingest *in, struct json *out, const struct json *m, int level);
