/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the entities that stand still. */
#include <string.h>

#include "base/log.h"
#include "demo/caller.h"
#include "demo/play.h"

enum { BATCH = 100 };
static const int64_t patience = 60 * INSTANT_SECOND;
static const int64_t between_tries = INSTANT_SECOND / 2;

struct writer {
    const struct play_options *options;
    struct caller *caller;
    const char *token; /* or NULL */
    instant deadline;
    struct json *batch; /* array */
    struct arena *arena;
    int written;
    bool stopped; /* by a signal */
};

/* Not there yet, or too busy: worth another try. */
static bool passing(int status)
{
    return status == 0 || status == 429 || status == 502 || status == 503;
}

/* May a request that had no lasting answer be tried again? Waits a little before. */
static bool again(struct writer *x)
{
    if (instant_now() > x->deadline) {
        return false;
    }
    x->stopped = !play_wait(between_tries);
    return !x->stopped;
}

static bool is_good(struct writer *x, const char *path, int status, struct error *e)
{
    if (x->stopped || status == 200 || status == 201 || status == 204) {
        return true;
    }
    return error_set(e, ERROR_UNAVAILABLE, "%s%s answered with status %d: %.200s", "%s%s 答复状态 %d：%.200s",
                     x->options->server, path, status, caller_text(x->caller));
}

/* Posts until there is an answer that stands. False with e set when it is none of those that are good, true
 * also when a signal came. */
static bool post(struct writer *x, const char *path, const struct json *content, struct error *e)
{
    int status;
    do {
        status = caller_post(x->caller, path, x->token, NULL, content);
    } while (passing(status) && again(x));
    return is_good(x, path, status, e);
}

/* Signs in, or uses the token as given. */
static bool identify(struct writer *x, struct error *e)
{
    const struct play_options *o = x->options;
    int status = 200;
    x->token = o->token;
    if (o->user != NULL) {
        do {
            status = caller_sign_in(x->caller, x->arena, o->user, o->password, &x->token);
        } while (passing(status) && again(x));
    }
    return is_good(x, "/api/v1/session", status, e);
}

static bool flush_batch(struct writer *x, struct error *e)
{
    if (x->batch->length == 0 || x->stopped) {
        return true;
    }
    if (!post(x, "/ngsi-ld/v1/entityOperations/upsert?options=update", x->batch, e)) {
        return false;
    }
    x->written += (int)x->batch->length;
    x->batch = json_array(x->arena);
    return true;
}

static bool write_entity(struct writer *x, const struct json *entity, struct error *e)
{
    json_append(x->batch, json_copy(x->arena, entity));
    return x->batch->length < BATCH || flush_batch(x, e);
}

static bool write_all(struct writer *x, const struct world *w, struct error *e)
{
    for (const struct json *n = json_first(w->entities); n != NULL; n = n->next) {
        if (!write_entity(x, n, e)) {
            return false;
        }
    }
    for (int g = 0; g < w->groups_count; g++) {
        for (int i = 0; i < w->groups[g].count; i++) {
            if (!write_entity(x, w->groups[g].devices[i].entity, e)) {
                return false;
            }
        }
    }
    return flush_batch(x, e);
}

bool play_entities(const struct world *w, const struct play_options *o, struct error *e)
{
    arena_auto a = arena_new();
    struct writer x = {.options = o, .caller = caller_new(o->server), .arena = a, .batch = json_array(a)};
    x.deadline = instant_now() + patience;
    bool good = identify(&x, e) && write_all(&x, w, e);
    if (good && !x.stopped) {
        log_info("demo", "%d entities written to %s", x.written, o->server);
    }
    caller_free(x.caller);
    return good;
}
