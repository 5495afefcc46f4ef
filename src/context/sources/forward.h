/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to context sources on behalf of one request of ours: built by their registrations, sent side by
 * side, gathered (ETSI GS CIM 009 V1.9.1, 4.3.6, 6.3.17 – 6.3.19). */
#pragma once

#include "context/call/api.h"
#include "context/sources/registry.h"

/* What came of a request to a source. */
enum forward_end {
    FORWARD_ANSWERED,    /* there is a status */
    FORWARD_TIMED_OUT,   /* no answer in time */
    FORWARD_UNREACHABLE, /* no connection, or it broke */
    FORWARD_COOLING,     /* it failed a moment ago (management.cooldown); nothing was sent */
    FORWARD_LOOP,        /* it leads back here; nothing was sent */
    FORWARD_UNSUPPORTED, /* the registration does not offer the operation; nothing was sent */
    FORWARD_TOO_LONG,    /* the answer was larger than what is kept */
};

/* One request to one source. Texts live in the arena of the call. */
struct forward {
    struct registration *registration; /* a reference */
    const struct registry_match *match;
    const char *method;
    GString *path; /* from /ngsi-ld/v1 on, with its parameters */
    bool has_parameters;
    GString *body;          /* NULL = none */
    struct ld_context *ctx; /* for the names in it and in the answer; NULL = names as stored */
    const char *entity_map; /* for the header NGSILD-EntityMap, or NULL */
    void *user;             /* of whoever made it */
    bool sent;              /* private to gather */
    /* afterwards */
    enum forward_end end;
    int status;
    bool stale; /* from the cache (management.cacheDuration) */
    char *reason, *text, *answer_map, *results_count;
    char *cache_key; /* private to forward_cache */
    size_t length;
};

/* The forwards of one request of ours. Owned by one thread at a time: the server's until gather_run, a worker
 * in `then`. */
struct gather {
    struct call call; /* a copy with references of its own */
    GPtrArray *forwards;
    void (*then)(struct gather *g);
    void *user;
    int64_t deadline; /* monotonic, of all of it */
    guint next;       /* the first forward that may be unsent */
    gint pending;
    bool suspended;
    int64_t held; /* bytes of answers */
    GString *warnings;
};

/* ---- starting and stopping ---- */

void forward_start(void);
void forward_stop(void);

/* The Via of what is sent on for this call; an incoming one comes first. */
const char *forward_via(struct call *c);
/* True when this hub has seen the request before: it is named in its Via. */
bool forward_is_loop(struct call *c);
/* True when the source is this hub, or one that the request has come through. */
bool forward_leads_back(struct call *c, const struct registration *r);

/* ---- one forward ---- */

struct gather *gather_new(struct call *c);
/* Adds a request for method and path, where path is a format below /ngsi-ld/v1 with escaped parts. It is
 * FORWARD_LOOP, FORWARD_COOLING at once when it cannot be sent. */
struct forward *gather_add(struct gather *g, const struct registry_match *m, const char *method,
                           const char *path, ...) __attribute__((format(printf, 4, 5)));
/* Adds a part that will not be sent, for its place in the answer. */
struct forward *gather_add_unsent(struct gather *g, const struct registry_match *m, enum forward_end end);
/* Appends "name=value", escaped. */
void forward_parameter(struct forward *f, const char *name, const char *value);
/* The same for names as stored, written for the source, with a comma between. */
void forward_names(struct forward *f, const char *name, const char *const *stored, int count);
/* The body, taken: JSON in the names of f->ctx. Adds the @context where the source wants it inside. */
void forward_body(struct forward *f, GString *json);
/* How names and values of entities are written for the source. */
struct render forward_render(struct gather *g, struct forward *f);

/* Sends what was added since the last time, suspends the request when anything is sent, and calls then when
 * all are answered: on a worker thread, or at once when nothing is sent. */
void gather_run(struct gather *g, void (*then)(struct gather *g));
/* Suspends the request when it is not yet: whoever has the gather replies later. */
void gather_suspend(struct gather *g);
/* Frees; the request, suspended now, is another's to answer and to resume. */
void gather_hand_over(struct gather *g);
/* After the reply: frees, and resumes the request. */
void gather_end(struct gather *g);

/* ---- answers ---- */

/* 2xx. */
bool forward_ok(const struct forward *f);
/* Adds a value for NGSILD-Warning (6.3.17): 110, 111, 199 or 299. */
void gather_warn(struct gather *g, int code, const struct forward *f, const char *text);
/* Warns of what went wrong with a read; 404 is nothing wrong. */
void gather_warn_read(struct gather *g, const struct forward *f);
/* Puts the warnings into the reply. */
void gather_reply_warnings(struct gather *g);
/* The answer as JSON; NULL with warning 111 when it is none of that type. */
struct json *forward_json(struct gather *g, struct forward *f, enum json_type type);
/* One entity of an answer in stored form, with its system times; only what the registration offers of it.
 * NULL when it is no entity, or not one of those. */
struct json *forward_entity(struct gather *g, struct forward *f, const struct json *payload);
/* The failure of a write as our own: 404, 409, 502, 504, 508 (6.3.17). */
void forward_failure(const struct forward *f, struct error *e);
