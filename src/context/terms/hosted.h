/* SPDX-License-Identifier: Apache-2.0 */
/* The @contexts that the hub keeps (ETSI GS CIM 009 V1.9.1, 5.13), for all spaces: those that clients host
 * here, copies of those of other servers, those it made itself for subscriptions, and those that were brought
 * along in folders. */
#pragma once

#include "base/instant.h"
#include "base/limits.h"
#include "context/terms/ld_context.h"
#include "store/store.h"

/* Key: what the client sees as the local id. Value: {"url": …, "kind": …, "createdAt": µs, "expiresAt": µs,
 * "body": {"@context": …}}; the last two times and the url where there are some. */
#define HOSTED_SPACE "context.hosted"
#define HOSTED_USAGE_SPACE "context.usage"
#define HOSTED_PATH "/ngsi-ld/v1/jsonldContexts/"

enum hosted_kind { HOSTED, HOSTED_CACHED, HOSTED_IMPLICIT };
const char *hosted_kind_name(enum hosted_kind kind);

struct hosted_info {
    const char *key;
    enum hosted_kind kind;
    const char *url;  /* of CACHED: where it comes from; else NULL */
    const char *file; /* brought along in this file; else NULL */
    instant created;
    instant expires; /* INSTANT_MAX = never */
    instant last;    /* used; 0 = never */
    int64_t hits;
    bool pinned; /* see hosted_pin */
};

/* Reads what the default store keeps. dirs are the folders brought along (NULL-terminated, may be NULL): each
 * has an index.json, {"URL": "file name", …}. */
bool hosted_start(struct store *s, const char *const *dirs, struct error *e);
void hosted_stop(void); /* keeps the usage figures; does nothing when not started */

/* Finds @contexts by URL: HOSTED_PATH with an id, on whatever host, or a URL that there is a copy of. One
 * that is not there, but could be fetched, is ERROR_CONTEXT_UNAVAILABLE and noted for hosted_wanted. */
const struct ld_loader *hosted_loader(void);
/* For a thread that can wait: begins to note; and what was noted since, or NULL. Lives until the next
 * hosted_wait_begin of the thread. */
void hosted_wait_begin(void);
bool hosted_is_wanted(void); /* something was noted */
const char *hosted_wanted(void);

/* Whether this thread can wait; returns what was so before. While what is stored is read, old copies must do.
 */
bool hosted_may_wait(bool may);
/* Those that value names by URL are needed for long: fetched copies of them make no room for others. */
void hosted_pin(const struct json *value);

/* The key of a @context named by its local id, its path here, or its URL; g_free it. */
char *hosted_key(const char *id_or_url);
/* False when there is none. In a. */
bool hosted_describe(struct arena *a, const char *key, struct hosted_info *out);
/* All of them by key, in a. */
struct hosted_info *hosted_list(struct arena *a, int *count);
/* {"@context": …}; NULL when there is none. */
const struct json *hosted_body(struct arena *a, const char *key);

/* One to be kept. Inside a job: hosted_put; in its done: hosted_put_done. */
struct hosted_put {
    const char *key;
    enum hosted_kind kind;
    const char *url;
    const struct json *body;
    instant created, expires; /* created is set by hosted_put */
    bool replace;             /* else ERROR_ALREADY_EXISTS when it is there */
};
bool hosted_put(struct hosted_put *p, struct txn *t, struct arena *a, struct error *e);
void hosted_put_done(const struct hosted_put *p);
/* The same for removing; ERROR_NOT_FOUND, ERROR_CONFLICT for one that was brought along. */
bool hosted_drop(const char *key, struct txn *t, struct arena *a, struct error *e);
void hosted_drop_done(const char *key);
/* The fetched copy that should make room for another, in a; NULL while there is room. */
const char *hosted_oldest(struct arena *a);

/* A URL that stands for value (an inline @context) from now on, under base ("http://host:port"), in a: what a
 * client hands over is hosted for those that get notifications (kind ImplicitlyCreated). NULL with e set when
 * value is none. */
const char *hosted_implicit(struct arena *a, const struct json *value, const char *base, struct error *e);
