/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of /ngsi-ld/v1 share: parameters, media types, @contexts, suspended writes. */
#pragma once

#include "context/context.h"
#include "context/entity/write.h"
#include "context/query/render.h"
#include "context/space/space.h"
#include "context/terms/ld_context.h"
#include "http/http.h"

#define NGSI_PATH "/ngsi-ld/v1"

enum media { MEDIA_JSON, MEDIA_LD_JSON, MEDIA_GEO_JSON, MEDIA_CSV };

/* options= and format= (6.3.7, 6.3.11 and the operations' own), read by call_begin. */
enum call_options {
    CALL_SYS_ATTRS = 1,
    CALL_NO_OVERWRITE = 2,
    CALL_UPDATE = 4,
    CALL_REPLACE = 8,
    CALL_COUNT = 16,
    CALL_TEMPORAL_VALUES = 32,
    CALL_AGGREGATED_VALUES = 64,
};

/* One request, from its parameters to its reply, on the server's thread. */
struct call {
    struct request *request;
    struct arena *arena;
    struct space *space;              /* what it works on; a reference */
    struct ld_context *ctx;           /* a reference; NULL = core only */
    const struct json *context_value; /* the @context as the client gave it; NULL = none */
    enum media accept;
    unsigned options;
    enum render_format format;
    bool chinese;
};

/* What an operation takes. */
struct operation {
    /* Replies or suspends and returns true; or returns false with e set. */
    bool (*run)(struct call *c, struct error *e);
    const char *const *parameters; /* the query parameters it knows; NULL-terminated */
    const char *const *options;    /* the words of options= it knows; NULL-terminated, or NULL */
    bool geojson;                  /* can answer as GeoJSON */
    bool temporal;                 /* format may be temporalValues or aggregatedValues */
    bool csv;                      /* can answer as text/csv */
    bool creates;                  /* makes a tenant that is not there yet (5.5.10) */
    bool no_snapshot;              /* is about snapshots or beside them: not done in one */
    bool shared;                   /* works on what all spaces have together: the hosted @contexts */
    const char *const *formats;    /* the words of format= when they are its own, which it reads; or NULL */
};
/* Serves the request: checks tenant, parameters, Accept and Link, runs the operation, replies its error. */
void call_serve(struct request *r, const struct operation *operation);
/* The threads that read large bodies: before the HTTP server starts, and after it has stopped. */
void call_start(void);
void call_stop(void);

/* The body, with its Content-Type and @context checked and taken into c (6.3.4, 6.3.5). NULL with e set. For
 * an array, call_element_context does the same for each element. */
struct json *call_body(struct call *c, struct error *e);
/* The @context of a subscription that is being made or changed: what was sent, or, when that is written out
 * in the body and notifications go out with a Link, a URL here that stands for it from now on (5.13.1). */
bool call_notified_context(struct call *c, const struct json *body, const struct json **value,
                           struct error *e);
/* The context of one element of a batch: a new reference in *ctx. */
bool call_element_context(struct call *c, const struct json *element, struct ld_context **ctx,
                          struct error *e);
/* True when the body came as application/ld+json. */
bool call_is_ld(struct call *c);

/* A boolean parameter ("true", "false"); false when absent. */
bool call_flag(struct call *c, const char *name, bool *value, struct error *e);
/* The id of the path, checked. NULL with e set. */
const char *call_id(struct call *c, struct error *e);
/* The attribute name of the path, expanded. NULL with e set. */
const char *call_attribute(struct call *c, struct error *e);

/* The representation asked for: format, sysAttrs, lang, pick, omit, attrs, geometryProperty and the @context
 * in the body. */
bool call_render(struct call *c, struct render *out, struct error *e);
/* Sets pick from comma-separated names: pick, or else attrs, which keeps id, type and scope too. Both may be
 * NULL. */
bool call_projection(struct call *c, const char *pick, const char *attrs, struct render *out,
                     struct error *e);
/* The same for omit, which may be NULL. */
bool call_omission(struct call *c, const char *omit, struct render *out, struct error *e);
/* Sets the datasetIds to show from a comma-separated list; text may be NULL. */
bool call_datasets(struct call *c, const char *text, struct render *out, struct error *e);
/* The value of a preference ("body", "ngsi-ld") in the Prefer header (RFC 7240), or NULL. */
const char *call_preference(struct call *c, const char *name);
/* The "@context" to write for media types that carry it; NULL when the Link header does. */
const struct json *call_context_member(struct call *c);
/* The media type of the answer: "application/json", … */
const char *call_media_type(const struct call *c);
/* Replies text in the media type asked for, with the Link to the @context. links are further Link values, or
 * NULL. */
void call_reply(struct call *c, int status, GString *text, const char *links);

/* ---- writes: the request sleeps while the store's writer works ---- */

struct write_call {
    struct store_job job;
    struct request *request;
    struct arena *arena;    /* the request's; used by the writer's thread until the reply */
    struct space *space;    /* a reference; the writer of its store does the work */
    struct ld_context *ctx; /* a reference, for names in the reply */
    struct write how;
    struct type_query *type; /* freed with the call */
    bool chinese;
    /* Runs in the transaction. */
    bool (*apply)(struct write_call *w, struct txn *t, struct error *e);
    /* Replies once the commit is on disk. */
    void (*reply)(struct write_call *w);
    /* Frees what is larger than the call, after the reply; may be NULL. */
    void (*clear)(struct write_call *w);
    const char *id;
    struct json *fragment;
    struct write_result result;
    const char *attribute, *dataset; /* for deleting */
    bool all;
    void *spread; /* of a write that context sources take part in (distributed_write.c) */
};
/* A write in the request's arena, with `by` and the parameter `type` filled in. NULL with e set. */
struct write_call *write_call_new(struct call *c, enum context_mode mode, int flags, struct error *e);
/* The same for a write_call (zeroed) that is part of something larger. */
bool write_call_init(struct write_call *w, struct call *c, enum context_mode mode, int flags,
                     struct error *e);
/* Suspends the request and submits. When the store takes no more now, the request is answered so. Afterwards
 * the call and the request belong to the writer's thread. */
void write_call_submit(struct write_call *w);
/* Frees what a call holds that is not submitted after all. */
void write_call_clear(struct write_call *w);
void reply_no_content(struct write_call *w);
/* Who asks, for `by` of records; in the arena. */
const char *call_user(struct call *c);
