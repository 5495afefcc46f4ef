/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what context sources answer: sent side by side by one client, finished by a few workers. */
#include "context/sources/forward.h"

#include <stdarg.h>
#include <string.h>

#include "base/limits.h"
#include "context/sources/forward_cache.h"
#include "context/sources/forward_headers.h"
#include "context/terms/hosted.h"
#include "http/http.h"

enum {
    CONNECTIONS = 128,
    CONNECTIONS_TO_ONE = 16,
    WORKERS = 4,
    AT_A_TIME = 64,         /* requests of one gather on their way */
    TIMEOUT_MS = 5000,      /* of one source that says nothing else */
    TIMEOUT_MOST_MS = 30000 /* of one source, and of all together */
};

static struct http_client *client;
static GThreadPool *workers;
static gint64 held_by_all; /* atomic: bytes of answers kept at the moment */

static bool send_some(struct gather *g);

/* All that was sent is answered: sends more, or goes on. */
static void work(void *data, void *user)
{
    struct gather *g = data;
    (void)user;
    if (!send_some(g)) {
        g->then(g);
    }
}

void forward_start(void)
{
    client = http_client_new_sized(CONNECTIONS, CONNECTIONS_TO_ONE);
    workers = g_thread_pool_new(work, NULL, WORKERS, FALSE, NULL);
}

void forward_stop(void)
{
    http_client_free(client);
    client = NULL;
    if (workers != NULL) {
        g_thread_pool_free(workers, FALSE, TRUE);
        workers = NULL;
    }
    forward_cache_clear();
}

/* ---- building ---- */

struct gather *gather_new(struct call *c)
{
    struct gather *g = g_new0(struct gather, 1);
    g->call = *c;
    space_ref(c->space);
    ld_context_ref(c->ctx);
    g->forwards = g_ptr_array_new();
    g->deadline = g_get_monotonic_time() + TIMEOUT_MOST_MS * INT64_C(1000);
    g->warnings = g_string_new(NULL);
    return g;
}

struct forward *gather_add_unsent(struct gather *g, const struct registry_match *m, enum forward_end end)
{
    struct forward *f = g_new0(struct forward, 1);
    f->registration = registration_ref(m->registration);
    f->match = m;
    f->end = end;
    f->sent = true;
    f->method = "";
    f->path = g_string_new(NULL);
    g_ptr_array_add(g->forwards, f);
    return f;
}

/* The context that the registration asks for (4.3.6.6). One that cannot be had counts as an error of the
 * source. */
static void load_context(struct forward *f)
{
    const struct ld_loader *loader = hosted_loader();
    const char *url = f->registration->jsonld_context;
    struct error e = {0};
    if (url != NULL && !loader->load(loader->user, url, &f->ctx, &e)) {
        f->sent = true;
        f->end = FORWARD_UNREACHABLE;
        f->reason = g_strdup(e.en);
    }
}

struct forward *gather_add(struct gather *g, const struct registry_match *m, const char *method,
                           const char *path, ...)
{
    struct forward *f = gather_add_unsent(g, m, FORWARD_ANSWERED);
    va_list args;
    va_start(args, path);
    g_string_vprintf(f->path, path, args);
    va_end(args);
    f->method = method;
    f->sent = false;
    if (forward_leads_back(&g->call, f->registration)) {
        f->sent = true;
        f->end = FORWARD_LOOP;
    } else if (!registration_may_send(f->registration, instant_now())) {
        f->sent = true;
        f->end = FORWARD_COOLING;
    } else {
        load_context(f);
    }
    if (f->registration->local_only) {
        forward_parameter(f, "local", "true");
    }
    return f;
}

void forward_parameter(struct forward *f, const char *name, const char *value)
{
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(f->path, "%c%s=%s", f->has_parameters ? '&' : '?', name, escaped);
    f->has_parameters = true;
}

void forward_names(struct forward *f, const char *name, const char *const *stored, int count)
{
    arena_auto a = arena_new();
    g_autoptr(GString) list = g_string_new(NULL);
    for (int i = 0; i < count; i++) {
        g_string_append_printf(list, "%s%s", i > 0 ? "," : "", ld_compact(f->ctx, a, stored[i]));
    }
    if (count > 0) {
        forward_parameter(f, name, list->str);
    }
}

struct render forward_render(struct gather *g, struct forward *f)
{
    return (struct render){
        .arena = g->call.arena, .ctx = f->ctx, .format = RENDER_NORMALIZED, .sys_attrs = true};
}

/* ---- sending ---- */

static int timeout_of(const struct gather *g, const struct forward *f)
{
    int own = f->registration->timeout_ms;
    int64_t left = (g->deadline - g_get_monotonic_time()) / 1000;
    return (int)CLAMP(MIN(own > 0 ? own : TIMEOUT_MS, left), 1, TIMEOUT_MOST_MS);
}

static void release(struct gather *g)
{
    if (g_atomic_int_dec_and_test(&g->pending)) {
        g_thread_pool_push(workers, g, NULL);
    }
}

struct answering {
    struct gather *gather;
    struct forward *forward;
};

/* Room for n more bytes of answers, for this request and for all. */
static bool hold(struct gather *g, size_t n)
{
    g->held += (int64_t)n;
    return __atomic_add_fetch(&held_by_all, (int64_t)n, __ATOMIC_RELAXED) <= LIMIT_GATHERED_ALL &&
           g->held <= LIMIT_GATHERED;
}

static void keep_answer(struct gather *g, struct forward *f, const struct http_answer *a)
{
    f->status = a->status;
    if (a->status == 0) {
        f->end = a->timed_out ? FORWARD_TIMED_OUT : FORWARD_UNREACHABLE;
        f->reason = g_strdup(a->reason);
    } else if (a->cut || !hold(g, a->length)) {
        f->end = FORWARD_TOO_LONG;
    } else {
        f->text = g_memdup2(a->body, a->length + 1);
        f->length = a->length;
        f->answer_map = http_answer_header(a, "NGSILD-EntityMap");
        f->results_count = http_answer_header(a, "NGSILD-Results-Count");
        forward_cache_put(f);
    }
}

/* On the client's thread: one at a time. */
static void answered(void *user, const struct http_answer *a)
{
    struct answering *waiting = user;
    struct gather *g = waiting->gather;
    struct forward *f = waiting->forward;
    keep_answer(g, f, a);
    registration_report(f->registration, f->end == FORWARD_ANSWERED && (forward_ok(f) || f->status == 404));
    g_free(waiting);
    release(g);
}

static void send_forward(struct gather *g, struct forward *f)
{
    g_auto(GStrv) headers = forward_headers(g, f);
    g_autofree char *url = g_strconcat(f->registration->endpoint, NGSI_PATH, f->path->str, NULL);
    f->sent = true;
    if (forward_cache_get(g, f, url, headers)) {
        return;
    }
    struct answering *waiting = g_new(struct answering, 1);
    *waiting = (struct answering){g, f};
    const struct http_exchange x = {.method = f->method,
                                    .url = url,
                                    .headers = (const char *const *)headers,
                                    .body = f->body != NULL ? f->body->str : NULL,
                                    .length = f->body != NULL ? f->body->len : 0,
                                    .timeout_ms = timeout_of(g, f),
                                    .keep = LIMIT_FORWARD_ANSWER,
                                    .done = answered,
                                    .user = waiting};
    g_atomic_int_inc(&g->pending);
    http_client_exchange(client, &x);
}

static bool is_waiting(const struct gather *g)
{
    for (guint i = g->next; i < g->forwards->len; i++) {
        if (!((const struct forward *)g->forwards->pdata[i])->sent) {
            return true;
        }
    }
    return false;
}

/* Sends the next few of those that wait; false when there are none. */
static bool send_some(struct gather *g)
{
    if (!is_waiting(g)) {
        return false;
    }
    g->pending = 1; /* ours, until these are sent */
    guint n = g->forwards->len;
    for (int sent = 0; g->next < n && sent < AT_A_TIME; g->next++) {
        struct forward *f = g->forwards->pdata[g->next];
        if (!f->sent) {
            send_forward(g, f);
            sent++;
        }
    }
    release(g);
    return true;
}

void gather_suspend(struct gather *g)
{
    if (!g->suspended) {
        request_suspend(g->call.request);
        g->suspended = true;
    }
}

void gather_run(struct gather *g, void (*then)(struct gather *g))
{
    g->then = then;
    if (!is_waiting(g)) {
        then(g);
        return;
    }
    gather_suspend(g);
    send_some(g);
}

static void free_forward(struct forward *f)
{
    registration_unref(f->registration);
    ld_context_unref(f->ctx);
    g_string_free(f->path, TRUE);
    if (f->body != NULL) {
        g_string_free(f->body, TRUE);
    }
    g_free(f->reason);
    g_free(f->text);
    g_free(f->answer_map);
    g_free(f->results_count);
    g_free(f->cache_key);
    g_free(f);
}

void gather_end(struct gather *g)
{
    struct request *r = g->suspended ? g->call.request : NULL;
    for (guint i = 0; i < g->forwards->len; i++) {
        free_forward(g->forwards->pdata[i]);
    }
    g_ptr_array_free(g->forwards, TRUE);
    g_string_free(g->warnings, TRUE);
    __atomic_sub_fetch(&held_by_all, g->held, __ATOMIC_RELAXED);
    ld_context_unref(g->call.ctx);
    space_unref(g->call.space);
    g_free(g);
    if (r != NULL) {
        request_resume(r);
    }
}

void gather_hand_over(struct gather *g)
{
    gather_suspend(g);
    g->suspended = false;
    gather_end(g);
}
