/* SPDX-License-Identifier: Apache-2.0 */
/* A caller waits for each answer of its client's thread. */
#include "demo/caller.h"

#include <string.h>

#include "http/http.h"

enum { ANSWER_MS = 20000 };

struct caller {
    char *server;
    struct http_client *client;
    GMutex lock; /* of all below */
    GCond changed;
    bool done, stopped;
    int status; /* 0 = none came, text says why */
    char *text;
};

struct caller *caller_new(const char *server)
{
    struct caller *c = g_new0(struct caller, 1);
    c->server = g_strdup(server);
    c->client = http_client_new();
    g_mutex_init(&c->lock);
    g_cond_init(&c->changed);
    return c;
}

void caller_free(struct caller *c)
{
    http_client_free(c->client); /* ends what runs, so nobody calls answered() after it */
    g_mutex_clear(&c->lock);
    g_cond_clear(&c->changed);
    g_free(c->text);
    g_free(c->server);
    g_free(c);
}

void caller_stop(struct caller *c)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    c->stopped = true;
    g_cond_signal(&c->changed);
}

static void answered(void *user, int status, const char *reason, const char *body, size_t length)
{
    struct caller *c = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    c->done = true;
    c->status = status;
    g_free(c->text);
    c->text = status == 0 ? g_strdup(reason) : g_strndup(body != NULL ? body : "", length);
    g_cond_signal(&c->changed);
}

static int await(struct caller *c)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&c->lock);
    while (!c->done && !c->stopped) {
        g_cond_wait(&c->changed, &c->lock);
    }
    return c->stopped ? 0 : c->status;
}

int caller_send(struct caller *c, const struct call *call)
{
    g_autofree char *url = g_strconcat(c->server, call->path, NULL);
    g_autofree char *token =
        call->token != NULL ? g_strdup_printf("Authorization: Bearer %s", call->token) : NULL;
    g_autofree char *type = call->type != NULL ? g_strdup_printf("Content-Type: %s", call->type) : NULL;
    const char *headers[4] = {NULL};
    int n = 0;
    const char *const given[] = {token, type, call->header};
    for (size_t i = 0; i < G_N_ELEMENTS(given); i++) {
        if (given[i] != NULL) {
            headers[n++] = given[i];
        }
    }
    g_mutex_lock(&c->lock);
    bool stopped = c->stopped;
    c->done = false;
    g_mutex_unlock(&c->lock);
    if (stopped) {
        return 0;
    }
    http_client_send(c->client, call->method, url, headers, call->body, call->length, ANSWER_MS, answered, c);
    return await(c);
}

int caller_post(struct caller *c, const char *path, const char *token, const char *header,
                const struct json *body)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(text, body);
    return caller_send(c,
                       &(struct call){"POST", path, token, header, "application/json", text->str, text->len});
}

const char *caller_text(const struct caller *c)
{
    return c->text != NULL ? c->text : "";
}

struct json *caller_json(const struct caller *c, struct arena *a)
{
    struct error ignored;
    const char *text = caller_text(c);
    return json_parse(a, text, strlen(text), &ignored);
}

int caller_sign_in(struct caller *c, struct arena *a, const char *name, const char *password,
                   const char **token)
{
    struct json *account = json_object(a);
    json_add(account, "name", json_string(a, name));
    json_add(account, "password", json_string(a, password));
    int status = caller_post(c, "/api/v1/session", NULL, NULL, account);
    const char *given = status == 201 ? json_get_string(caller_json(c, a), "token") : NULL;
    if (given != NULL) {
        *token = given;
    }
    return status;
}
