/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the entities that stand still. */
#include <string.h>

#include "base/log.h"
#include "demo/play.h"
#include "http/http.h"

enum {
    BATCH = 100,
    ANSWER_MS = 20000,
};
static const int64_t patience = 60 * INSTANT_SECOND;
static const int64_t between_tries = INSTANT_SECOND / 2;

/* The answer to one request, awaited. */
struct answer {
    GMutex lock;
    GCond changed;
    bool done;
    int status;
    char text[ERROR_MAX_TEXT / 2];
};

static void answered(void *user, int status, const char *reason, const char *body, size_t length)
{
    struct answer *a = user;
    g_mutex_lock(&a->lock);
    a->done = true;
    a->status = status;
    g_snprintf(a->text, sizeof a->text, "%.*s", status == 0 ? (int)strlen(reason) : (int)length,
               status == 0 ? reason : body);
    g_cond_signal(&a->changed);
    g_mutex_unlock(&a->lock);
}

static void send_and_wait(struct http_client *client, const char *url, const char *const *headers,
                          const char *body, size_t length, struct answer *a)
{
    a->done = false;
    http_client_send(client, "POST", url, headers, body, length, ANSWER_MS, answered, a);
    g_mutex_lock(&a->lock);
    while (!a->done) {
        g_cond_wait(&a->changed, &a->lock);
    }
    g_mutex_unlock(&a->lock);
}

/* Not there yet, or too busy: worth another try. */
static bool passing(int status)
{
    return status == 0 || status == 429 || status == 502 || status == 503;
}

struct writer {
    struct http_client *client;
    char *url;
    const char *headers[3];
    instant deadline;
    struct json *batch; /* array */
    struct arena *arena;
    int written;
    bool stopped;
};

static bool flush_batch(struct writer *x, struct error *e)
{
    struct answer a = {.status = 0};
    g_autoptr(GString) body = g_string_new(NULL);
    if (x->batch->length == 0 || x->stopped) {
        return true;
    }
    json_write(body, x->batch);
    g_mutex_init(&a.lock);
    g_cond_init(&a.changed);
    for (;;) {
        send_and_wait(x->client, x->url, x->headers, body->str, body->len, &a);
        if (!passing(a.status) || instant_now() > x->deadline) {
            break;
        }
        if (!play_wait(between_tries)) {
            x->stopped = true;
            break;
        }
    }
    g_mutex_clear(&a.lock);
    g_cond_clear(&a.changed);
    x->written += (int)x->batch->length;
    x->batch = json_array(x->arena);
    if (!x->stopped && a.status != 201 && a.status != 204) {
        return error_set(e, ERROR_UNAVAILABLE, "The hub at %s did not take the entities (status %d): %s",
                         "位于 %s 的中枢没有接受实体（状态 %d）：%s", x->url, a.status, a.text);
    }
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
    g_autofree char *authorization =
        g_strdup_printf("Authorization: Bearer %s", o->token != NULL ? o->token : "");
    struct writer x = {.client = http_client_new(), .arena = a, .batch = json_array(a)};
    x.url = g_strdup_printf("%s/ngsi-ld/v1/entityOperations/upsert?options=update", o->server);
    x.headers[0] = "Content-Type: application/json";
    x.headers[1] = o->token != NULL ? authorization : NULL;
    x.deadline = instant_now() + patience;
    bool good = write_all(&x, w, e);
    if (good && !x.stopped) {
        log_info("demo", "%d entities written to %s", x.written, o->server);
    }
    http_client_free(x.client);
    g_free(x.url);
    return good;
}
