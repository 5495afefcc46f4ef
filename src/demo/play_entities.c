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
    int status; /* 0 = none came, text says why */
    char *text;
};

static void answered(void *user, int status, const char *reason, const char *body, size_t length)
{
    struct answer *a = user;
    g_mutex_lock(&a->lock);
    a->done = true;
    a->status = status;
    g_free(a->text);
    a->text = status == 0 ? g_strdup(reason) : g_strndup(body != NULL ? body : "", length);
    g_cond_signal(&a->changed);
    g_mutex_unlock(&a->lock);
}

struct writer {
    const struct play_options *options;
    struct http_client *client;
    char *authorization; /* header, or NULL */
    instant deadline;
    struct json *batch; /* array */
    struct arena *arena;
    struct answer answer; /* the last */
    int written;
    bool stopped; /* by a signal */
};

static void send_once(struct writer *x, const char *url, const GString *body)
{
    const char *headers[] = {"Content-Type: application/json", x->authorization, NULL};
    struct answer *a = &x->answer;
    a->done = false;
    http_client_send(x->client, "POST", url, headers, body->str, body->len, ANSWER_MS, answered, a);
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

/* Posts until there is an answer that stands; x->answer holds it. False with e set when it is none of those
 * that are good, true also when a signal came. */
static bool post(struct writer *x, const char *path, const struct json *content, struct error *e)
{
    g_autofree char *url = g_strconcat(x->options->server, path, NULL);
    g_autoptr(GString) body = g_string_new(NULL);
    json_write(body, content);
    for (send_once(x, url, body); passing(x->answer.status); send_once(x, url, body)) {
        if (instant_now() > x->deadline) {
            break;
        }
        if (!play_wait(between_tries)) {
            x->stopped = true;
            return true;
        }
    }
    if (x->answer.status != 200 && x->answer.status != 201 && x->answer.status != 204) {
        return error_set(e, ERROR_UNAVAILABLE, "%s answered with status %d: %.200s", "%s 答复状态 %d：%.200s",
                         url, x->answer.status, x->answer.text);
    }
    return true;
}

/* Signs in, or uses the token as given. */
static bool identify(struct writer *x, struct error *e)
{
    const struct play_options *o = x->options;
    struct error broken;
    if (o->user == NULL) {
        x->authorization = o->token != NULL ? g_strdup_printf("Authorization: Bearer %s", o->token) : NULL;
        return true;
    }
    struct json *account = json_object(x->arena);
    json_set(x->arena, account, "name", json_string(x->arena, o->user));
    json_set(x->arena, account, "password", json_string(x->arena, o->password));
    if (!post(x, "/api/v1/session", account, e)) {
        return false;
    }
    const struct json *answer =
        x->stopped ? NULL : json_parse(x->arena, x->answer.text, strlen(x->answer.text), &broken);
    const char *token = json_get_string(answer, "token");
    x->authorization = token != NULL ? g_strdup_printf("Authorization: Bearer %s", token) : NULL;
    return true;
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
    struct writer x = {.options = o, .client = http_client_new(), .arena = a, .batch = json_array(a)};
    x.deadline = instant_now() + patience;
    g_mutex_init(&x.answer.lock);
    g_cond_init(&x.answer.changed);
    bool good = identify(&x, e) && write_all(&x, w, e);
    if (good && !x.stopped) {
        log_info("demo", "%d entities written to %s", x.written, o->server);
    }
    http_client_free(x.client);
    g_mutex_clear(&x.answer.lock);
    g_cond_clear(&x.answer.changed);
    g_free(x.answer.text);
    g_free(x.authorization);
    return good;
}
