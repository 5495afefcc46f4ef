/* SPDX-License-Identifier: Apache-2.0 */
/* Linked entity retrieval (4.5.23): from entities along their Relationships to others, each once. */
#pragma once

#include "context/context.h"
#include "context/query/render.h"

enum join_kind { JOIN_NONE, JOIN_FLAT, JOIN_INLINE };

/* What a client asks for; zeroed: nothing. */
struct join_text {
    const char *kind;         /* "flat", "inline", "@none"; or NULL */
    int64_t level;            /* 0 = not given */
    const char *contained_by; /* ids met before, comma-separated; or NULL */
};
/* Reads other entities; NULL when there is none. The entity lives in a. */
struct join_reader {
    const struct json *(*entity)(void *user, struct arena *a, const char *id);
    void *user;
};
struct join {
    enum join_kind kind;
    int level; /* how many Relationships to follow one after the other; 0 when kind is JOIN_NONE */
    struct join_reader reader;
    GPtrArray *before;  /* ids that count as met from the start */
    GHashTable *met;    /* ids */
    GHashTable *shown;  /* flat: ids of the linking entities */
    GPtrArray *targets; /* flat: struct join_target */
    struct arena *a;    /* of linked entities */
    struct arena *ids;  /* of what outlives one linking entity */
    int count;
    size_t bytes;
};
/* False with ERROR_BAD_REQUEST_DATA, or ERROR_TOO_COMPLEX beyond LIMIT_JOIN_LEVEL. join_clear in any case. */
bool join_init(struct join *j, const struct join_text *text, const struct join_reader *reader,
               struct error *e);
void join_clear(struct join *j);
typedef struct join join_auto_target;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(join_auto_target, join_clear)
/* `join_auto j = {0};` */
#define join_auto g_auto(join_auto_target)

/* Projections into linked entities need a join that goes as deep (5.7.1.4, 5.7.2.4); depth 0 always fits.
 * what names the parameter. */
bool join_reaches(const struct join *j, int depth, const char *what, struct error *e);

/* Inline: the entity with its linked ones in its Relationships, for render_entity with r->joined. Lives until
 * the next call. NULL with e set beyond LIMIT_LINKED or LIMIT_LINKED_BYTES (ERROR_TOO_MANY_RESULTS). */
const struct json *join_inline(struct join *j, const struct json *entity, const struct render *r,
                               struct error *e);

/* Flat: notes a linking entity, which is about to be shown. */
bool join_note(struct join *j, const struct json *entity, const struct render *r, struct error *e);
/* Flat: calls each for the linked entities, those nearest to the linking ones first; with the way to show
 * them. */
bool join_follow(struct join *j, void (*each)(void *user, const struct json *entity, const struct render *r),
                 void *user, struct error *e);
