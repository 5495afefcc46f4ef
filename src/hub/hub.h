/* SPDX-License-Identifier: Apache-2.0 */
/* What a running hub is: the handles that all features share, and the shape that every feature has. */
#pragma once

#include <stdbool.h>

#include "base/counters.h"
#include "base/error.h"
#include "http/http.h"
#include "identity/identity.h"
#include "mqtt/mqtt.h"
#include "store/store.h"
#include "json/json.h"

struct feature;

/* The handles. Made by server/main.c before the features start; all outlive them. */
struct hub {
    struct store *store;
    struct http_server *http;
    struct http_client *client;
    struct identity *identity;
    const char *mqtt_host; /* NULL = no broker configured */
    int mqtt_port;
    const char *mqtt_user, *mqtt_password; /* or NULL */
    const char *data_dir;
    const char *const *pack_dirs;          /* NULL-terminated */
    const struct feature *const *features; /* all features, NULL-terminated */
};

/* ---- packs, as features see them ---- */

/* One mistake or remark about a pack. */
struct pack_report {
    /* Adds a mistake at a node (its line is used; NULL = the whole file). */
    void (*mistake)(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
        __attribute__((format(printf, 3, 5), format(printf, 4, 5)));
    int mistakes;
};

/* A loaded pack: its name and its sections merged from all its files; nodes carry line numbers. */
struct pack {
    const char *name; /* folder name: "air" */
    const char *dir;
    const struct json *root; /* {"pack": {…}, "types": {…}, "inputs": […], …} */
};

/* One top-level section that a feature understands ("rules"). */
struct pack_section {
    const char *name;
    /* Checks the section of one pack and reports every mistake; keeps nothing. all are the packs being loaded
     * together (NULL-terminated), for names that cross packs. Runs without a hub (for `zhongshu packs
     * check`). */
    void (*check)(const struct pack *p, const struct json *section, const struct pack *const *all,
                  struct pack_report *r);
    const char *en, *zh; /* one sentence, for `zhongshu packs explain` */
};

/* ---- features ---- */

struct feature {
    const char *name; /* the module's name */
    const char *en, *zh;
    const struct route *routes;          /* ends with a NULL method; may be NULL */
    const struct pack_section *sections; /* ends with a NULL name; may be NULL */
    /* Takes over a checked set of packs (NULL-terminated; they stay valid until the next call has returned):
     * at start, before start(), and again at each hot reload, while running. On failure the old set stays in
     * force. */
    bool (*load)(struct hub *h, const struct pack *const *packs, struct error *e);
    bool (*start)(struct hub *h, struct error *e); /* starts threads */
    void (*stop)(void); /* ends them; called in reverse order; start may not have been called */
};

/* A reader of the change log with a thread of its own: calls batch for each run of records after its cursor,
 * in order, once each. The callback deals with records whose seq (first + index) > after and writes its
 * cursor itself, in the same transaction as its results. On failure it is called again with the same records,
 * with back-off. */
struct log_reader;
struct log_reader_options {
    const char *name; /* of the cursor and of the thread */
    bool (*batch)(void *user, const struct log_batch *b, uint64_t after, struct error *e);
    void (*tick)(void *user, instant now); /* about once a second on the same thread, after all that is in the
                                              log was seen; may be NULL */
    void *user;
    uint64_t from; /* UINT64_MAX = from the stored cursor of that name */
};
struct log_reader *log_reader_start(struct store *s, const struct log_reader_options *o);
void log_reader_stop(struct log_reader *r); /* NULL is fine; waits for the callback to return */
/* Waits until the reader has dealt with all records up to seq, or timeout; for tests and read-your-writes. */
bool log_reader_wait(struct log_reader *r, uint64_t seq, int timeout_ms);
/* Calls each for every reader that runs, with the last record that it has dealt with. */
void log_readers_each(void (*each)(void *user, const char *name, uint64_t seq), void *user);
