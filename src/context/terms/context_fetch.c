/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching @contexts of other servers. */
#include "context/terms/context_fetch.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "context/terms/hosted.h"

enum {
    FETCH_MS = 8000, /* in all, redirects included */
    MAX_REDIRECTS = 5,
    MAX_RUNNING = 32,
    MAX_WAITERS = 1000, /* of one fetch */
    WORKERS = 4,
    MAX_FAILURES = 1000,
    FAILURE_SECONDS = 30,
    SHORTEST_SECONDS = 1,
    USUAL_SECONDS = 24 * 3600, /* when the server does not say */
    LONGEST_SECONDS = 365 * 24 * 3600,
};

struct waiter {
    void (*done)(void *user, const struct error *e);
    void *user;
};

/* One URL being fetched. */
struct fetch {
    struct store_job job;
    struct arena *a;
    char *url; /* asked for */
    char *at;  /* after redirects */
    int redirects;
    gint64 until;    /* monotonic */
    GArray *waiters; /* under the lock */
    GString *body;
    instant expires;
    struct error failure;
    struct hosted_put put;
    const char *evicted;
    void (*work)(struct fetch *f); /* for the pool */
};

struct failure {
    gint64 until;
    struct error why;
};

static struct {
    GMutex lock;
    enum context_policy policy;
    struct store *store;
    struct http_client *client;
    GThreadPool *pool;    /* NULL when stopped */
    GHashTable *running;  /* url → fetch */
    GHashTable *failures; /* url → struct failure */
} fetcher;

bool context_policy_parse(const char *name, enum context_policy *policy)
{
    static const char *const names[] = {"hosted", "fetch", "fetch-private"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *policy = (enum context_policy)i;
            return true;
        }
    }
    return false;
}

bool context_fetch_possible(const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    return fetcher.policy != CONTEXTS_HOSTED && uri != NULL && g_uri_get_host(uri) != NULL &&
           g_uri_get_userinfo(uri) == NULL &&
           (strcmp(g_uri_get_scheme(uri), "http") == 0 || strcmp(g_uri_get_scheme(uri), "https") == 0);
}

/* ---- failures ---- */

bool context_fetch_failed(const char *url, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&fetcher.lock);
    const struct failure *f = fetcher.failures != NULL ? g_hash_table_lookup(fetcher.failures, url) : NULL;
    if (f == NULL || f->until < g_get_monotonic_time()) {
        return false;
    }
    *e = f->why;
    return true;
}

static gboolean is_over(void *key, void *value, void *now)
{
    return ((struct failure *)value)->until < *(gint64 *)now;
}

/* Under the lock. */
static void remember_failure(const struct fetch *f)
{
    gint64 now = g_get_monotonic_time();
    g_hash_table_foreach_remove(fetcher.failures, is_over, &now);
    if (g_hash_table_size(fetcher.failures) < MAX_FAILURES) {
        struct failure *kept = g_new0(struct failure, 1);
        *kept = (struct failure){.until = now + FAILURE_SECONDS * G_USEC_PER_SEC, .why = f->failure};
        g_hash_table_replace(fetcher.failures, g_strdup(f->url), kept);
    }
}

/* ---- the end of a fetch ---- */

static void fetch_free(struct fetch *f)
{
    g_array_unref(f->waiters);
    g_string_free(f->body, TRUE);
    g_free(f->url);
    g_free(f->at);
    arena_free(f->a);
    g_free(f);
}

/* On the pool. */
static void tell(struct fetch *f)
{
    const struct error *e = f->failure.code != ERROR_NONE ? &f->failure : NULL;
    g_mutex_lock(&fetcher.lock);
    if (fetcher.running != NULL) {
        g_hash_table_remove(fetcher.running, f->url);
    }
    if (fetcher.failures != NULL && e != NULL) {
        remember_failure(f);
    } else if (fetcher.failures != NULL) {
        g_hash_table_remove(fetcher.failures, f->url);
    }
    g_mutex_unlock(&fetcher.lock);
    for (guint i = 0; i < f->waiters->len; i++) {
        const struct waiter *w = &g_array_index(f->waiters, struct waiter, i);
        w->done(w->user, e);
    }
    fetch_free(f);
}

/* From any thread: goes on with work on the pool. */
static void go_on(struct fetch *f, void (*work)(struct fetch *f))
{
    f->work = work;
    g_mutex_lock(&fetcher.lock);
    bool running = fetcher.pool != NULL;
    if (running) {
        g_thread_pool_push(fetcher.pool, f, NULL);
    }
    g_mutex_unlock(&fetcher.lock);
    if (!running) {
        fetch_free(f); /* the server has ended: nobody waits */
    }
}

static void fail(struct fetch *f, const char *reason)
{
    error_set(&f->failure, ERROR_CONTEXT_UNAVAILABLE, "The @context %.200s could not be fetched: %.150s",
              "无法获取 @context %.200s：%.150s", f->url, reason);
    log_info("context", "%s", f->failure.en);
    go_on(f, tell);
}

/* ---- keeping ---- */

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct fetch *f = (struct fetch *)job;
    f->evicted = hosted_oldest(f->a);
    if (f->evicted != NULL && strcmp(f->evicted, f->put.key) != 0 && !hosted_drop(f->evicted, t, f->a, e)) {
        return false;
    }
    return hosted_put(&f->put, t, f->a, e);
}

static void kept(struct store_job *job, const struct error *e)
{
    struct fetch *f = (struct fetch *)job;
    if (e != NULL) {
        fail(f, e->en);
        return;
    }
    if (f->evicted != NULL && strcmp(f->evicted, f->put.key) != 0) {
        hosted_drop_done(f->evicted);
    }
    hosted_put_done(&f->put);
    go_on(f, tell);
}

/* On the pool: what was fetched must be a @context; others that it names are fetched when they are wanted. */
static void digest(struct fetch *f)
{
    struct error e = {0};
    struct json *document = json_parse(f->a, f->body->str, f->body->len, &e);
    const struct json *value = json_get(document, "@context");
    ld_context_auto parsed = NULL;
    if (value == NULL) {
        fail(f, document != NULL ? "it has no \"@context\"" : e.en);
        return;
    }
    if (!ld_context_parse(value, hosted_loader(), &parsed, &e) && e.code != ERROR_CONTEXT_UNAVAILABLE) {
        fail(f, e.en);
        return;
    }
    struct json *body = json_object(f->a);
    json_add(body, "@context", json_copy(f->a, value));
    g_autofree char *key = hosted_key(f->url);
    f->put = (struct hosted_put){.key = arena_strdup(f->a, key),
                                 .kind = HOSTED_CACHED,
                                 .url = f->url,
                                 .body = body,
                                 .expires = f->expires,
                                 .replace = true};
    f->job.apply = apply;
    f->job.done = kept;
    if (!store_submit(fetcher.store, &f->job, &e)) {
        fail(f, e.en);
    }
}

/* ---- the answer ---- */

/* Seconds of max-age or s-maxage; -1 when there is none. */
static int64_t max_age(const char *control)
{
    static const char *const names[] = {"s-maxage=", "max-age="};
    for (size_t i = 0; control != NULL && i < G_N_ELEMENTS(names); i++) {
        g_autofree char *lower = g_ascii_strdown(control, -1);
        const char *at = strstr(lower, names[i]);
        if (at != NULL) {
            return (int64_t)g_ascii_strtoull(at + strlen(names[i]) + (at[strlen(names[i])] == '"'), NULL, 10);
        }
    }
    return control != NULL && (strstr(control, "no-cache") != NULL || strstr(control, "no-store") != NULL)
               ? 0
               : -1;
}

/* RFC 7234, 4.2: Cache-Control, else Expires, else a day. */
static instant expiry(const struct http_answer *answer)
{
    instant now = instant_now();
    g_autofree char *control = http_answer_header(answer, "Cache-Control");
    g_autofree char *expires = http_answer_header(answer, "Expires");
    int64_t seconds = max_age(control);
    if (seconds < 0 && expires != NULL) {
        int64_t at = http_date(expires);
        seconds = at > 0 ? at - now / INSTANT_SECOND : 0;
    } else if (seconds < 0) {
        seconds = USUAL_SECONDS;
    }
    return now + CLAMP(seconds, SHORTEST_SECONDS, LONGEST_SECONDS) * INSTANT_SECOND;
}

static void request(struct fetch *f);

static void redirect(struct fetch *f, const struct http_answer *answer)
{
    g_autofree char *location = http_answer_header(answer, "Location");
    char *next = location != NULL ? g_uri_resolve_relative(f->at, location, G_URI_FLAGS_NONE, NULL) : NULL;
    if (next == NULL || !context_fetch_possible(next) || strlen(next) > LIMIT_ID) {
        g_free(next);
        fail(f, "a redirect leads nowhere");
    } else if (++f->redirects > MAX_REDIRECTS) {
        g_free(next);
        fail(f, "too many redirects");
    } else {
        g_free(f->at);
        f->at = next;
        request(f);
    }
}

/* On the client's thread. */
static void answered(void *user, const struct http_answer *answer)
{
    struct fetch *f = user;
    if (answer->status >= 300 && answer->status < 400) {
        redirect(f, answer);
    } else if (answer->status != 200) {
        g_autofree char *text = g_strdup_printf("HTTP %d", answer->status);
        fail(f, answer->status == 0 ? answer->reason : text);
    } else if (answer->cut) {
        fail(f, "it is too large");
    } else {
        f->expires = expiry(answer);
        g_string_append_len(f->body, answer->body, (gssize)answer->length);
        go_on(f, digest);
    }
}

static void request(struct fetch *f)
{
    static const char *const headers[] = {"Accept: application/ld+json, application/json;q=0.9", NULL};
    gint64 left = (f->until - g_get_monotonic_time()) / 1000;
    if (left <= 0) {
        fail(f, "it takes too long");
        return;
    }
    const struct http_exchange x = {.method = "GET",
                                    .url = f->at,
                                    .headers = headers,
                                    .timeout_ms = (int)left,
                                    .keep = LIMIT_CONTEXT_LENGTH,
                                    .public_only = fetcher.policy != CONTEXTS_FETCH_PRIVATE,
                                    .done = answered,
                                    .user = f};
    http_client_exchange(fetcher.client, &x);
}

/* ---- beginning ---- */

static struct fetch *fetch_new(const char *url)
{
    struct fetch *f = g_new0(struct fetch, 1);
    f->a = arena_new();
    f->url = g_strdup(url);
    f->at = g_strdup(url);
    f->until = g_get_monotonic_time() + FETCH_MS * 1000;
    f->waiters = g_array_new(FALSE, FALSE, sizeof(struct waiter));
    f->body = g_string_new(NULL);
    return f;
}

bool context_fetch(const char *url, void (*done)(void *user, const struct error *e), void *user,
                   struct error *e)
{
    struct waiter w = {done, user};
    g_mutex_lock(&fetcher.lock);
    struct fetch *f = fetcher.running != NULL ? g_hash_table_lookup(fetcher.running, url) : NULL;
    bool begins = f == NULL;
    bool room = fetcher.pool != NULL &&
                (begins ? g_hash_table_size(fetcher.running) < MAX_RUNNING : f->waiters->len < MAX_WAITERS);
    if (room && begins) {
        f = fetch_new(url);
        g_hash_table_insert(fetcher.running, f->url, f);
    }
    if (room) {
        g_array_append_val(f->waiters, w);
    }
    g_mutex_unlock(&fetcher.lock);
    if (room && begins) {
        request(f);
    }
    return room || error_set(e, ERROR_CONTEXT_UNAVAILABLE,
                             "Too many @contexts are being fetched at the moment: try again",
                             "正在获取的 @context 过多，请稍后再试");
}

static void run(void *data, void *unused)
{
    struct fetch *f = data;
    f->work(f);
}

void context_fetch_start(enum context_policy policy, struct store *s, struct http_client *client)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&fetcher.lock);
    fetcher.policy = policy;
    fetcher.store = s;
    fetcher.client = client;
    fetcher.running = g_hash_table_new(g_str_hash, g_str_equal);
    fetcher.failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    fetcher.pool = g_thread_pool_new(run, NULL, WORKERS, FALSE, NULL);
}

void context_fetch_stop(void)
{
    g_mutex_lock(&fetcher.lock);
    GThreadPool *pool = g_steal_pointer(&fetcher.pool);
    fetcher.policy = CONTEXTS_HOSTED;
    g_mutex_unlock(&fetcher.lock);
    if (pool == NULL) {
        return;
    }
    g_thread_pool_free(pool, FALSE, TRUE);
    g_mutex_lock(&fetcher.lock);
    g_clear_pointer(&fetcher.running, g_hash_table_unref);
    g_clear_pointer(&fetcher.failures, g_hash_table_unref);
    g_mutex_unlock(&fetcher.lock);
}
