/* SPDX-License-Identifier: Apache-2.0 */
/* Entities as the body of an answer: one, or a list; linked entities with them; for the version that the
 * client knows (5.7.1.5, 5.7.2.5, 6.3.6). */
#pragma once

#include "context/call/api.h"
#include "context/query/join.h"

struct answer {
    struct call *call;
    struct view *view; /* where linked entities are read */
    struct render *render;
    GString *out;
    struct join join;
    bool list;    /* an array or a FeatureCollection */
    int count;    /* entities written */
    int version;  /* that the client asked for; 0 = it did not */
    bool plain;   /* the stored text will do, without what is not shown */
    bool amended; /* something was changed for it */
    bool created; /* an entity map was made on the way: 201 */
    bool failed;  /* *e is set */
    struct error *e;
};
/* join and Prefer are read from the request and from text. answer_clear in any case. */
bool answer_init(struct answer *answer, struct call *c, const struct join_text *join, struct render *render,
                 struct error *e);
/* The parameters join, joinLevel and containedBy. */
bool answer_join_parameters(struct call *c, struct join_text *join, struct error *e);
void answer_clear(struct answer *answer);
typedef struct answer answer_auto_target;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(answer_auto_target, answer_clear)
/* `answer_auto answer = {0};` */
#define answer_auto g_auto(answer_auto_target)

/* Begins the body: of a list, or of one entity (which join=flat makes a list). */
void answer_begin(struct answer *answer, struct view *v, bool list);
/* Writes one entity; user is the struct answer. False with failed and *e set. */
bool answer_entity(void *user, const struct json *entity);
/* The same from the stored text, where that can be done. False when it cannot: then answer_entity. */
bool answer_text(void *user, const struct store_entity *row);
/* Ends the body and replies, with 203 where the version asked for made a difference. links as for call_reply.
 */
bool answer_reply(struct answer *answer, const char *links);
