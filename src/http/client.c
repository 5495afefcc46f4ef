/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing requests: one thread, one curl multi handle. */
#include <curl/curl.h>
#include <string.h>

#include "http/http.h"

enum { KEPT_ANSWER = 64 << 10, CONNECT_MS = 10000, CONNECTIONS = 64 };

struct http_client {
    CURLM *multi;
    GThread *thread;
    GHashTable *running; /* set of struct call with curl; of the thread */
    GMutex lock;         /* of the two below */
    GQueue waiting;
    bool stopping;
};

struct call {
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    GString *answer;
    char reason[CURL_ERROR_SIZE];
    void (*done)(void *user, int status, const char *reason, const char *body, size_t length);
    void *user;
};

/* Hands the result over and frees. */
static void finish(struct call *c, int status, const char *reason)
{
    c->done(c->user, status, reason, c->answer->str, c->answer->len);
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    g_string_free(c->answer, TRUE);
    g_free(c->body);
    g_free(c);
}

static size_t keep_answer(char *data, size_t size, size_t n, void *user)
{
    struct call *c = user;
    g_string_append_len(c->answer, data, (gssize)MIN(size * n, KEPT_ANSWER - c->answer->len));
    return size * n;
}

static void begin_waiting(struct http_client *client)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&client->lock);
    for (struct call *c; (c = g_queue_pop_head(&client->waiting)) != NULL;) {
        curl_multi_add_handle(client->multi, c->easy);
        g_hash_table_add(client->running, c);
    }
}

static void finish_answered(struct http_client *client)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(client->multi, &left)) != NULL;) {
        struct call *c;
        long status = 0;
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode result = m->data.result;
        CURL *easy = m->easy_handle;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &c);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(client->multi, easy);
        g_hash_table_remove(client->running, c);
        const char *reason = c->reason[0] != '\0' ? c->reason : curl_easy_strerror(result);
        finish(c, result == CURLE_OK ? (int)status : 0, result == CURLE_OK ? "" : reason);
    }
}

static bool is_stopping(struct http_client *client)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&client->lock);
    return client->stopping;
}

static void *run(void *user)
{
    struct http_client *client = user;
    while (!is_stopping(client)) {
        int running;
        begin_waiting(client);
        curl_multi_perform(client->multi, &running);
        finish_answered(client);
        curl_multi_poll(client->multi, NULL, 0, 1000, NULL);
    }
    return NULL;
}

struct http_client *http_client_new(void)
{
    static gsize once;
    if (g_once_init_enter(&once)) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        g_once_init_leave(&once, 1);
    }
    struct http_client *client = g_new0(struct http_client, 1);
    client->multi = curl_multi_init();
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS);
    g_mutex_init(&client->lock);
    g_queue_init(&client->waiting);
    client->running = g_hash_table_new(NULL, NULL);
    client->thread = g_thread_new("http-client", run, client);
    return client;
}

static void set_body(CURL *easy, const char *method, char *body, size_t length)
{
    if (body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    } else if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static struct curl_slist *copy_headers(const char *const *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (; headers != NULL && *headers != NULL; headers++) {
        list = curl_slist_append(list, *headers);
    }
    return list;
}

void http_client_send(struct http_client *client, const char *method, const char *url,
                      const char *const *headers, const char *body, size_t length, int timeout_ms,
                      void (*done)(void *user, int status, const char *reason, const char *body,
                                   size_t length),
                      void *user)
{
    struct call *c = g_new0(struct call, 1);
    c->done = done;
    c->user = user;
    c->easy = curl_easy_init();
    c->answer = g_string_new(NULL);
    c->headers = copy_headers(headers);
    c->body = body != NULL ? g_memdup2(body, MAX(length, 1)) : NULL;
    set_body(c->easy, method, c->body, length);
    curl_easy_setopt(c->easy, CURLOPT_URL, url);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->reason);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(timeout_ms, CONNECT_MS));
    curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "zhongshu/" ZHONGSHU_VERSION);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    g_mutex_lock(&client->lock);
    g_queue_push_tail(&client->waiting, c);
    g_mutex_unlock(&client->lock);
    curl_multi_wakeup(client->multi);
}

static void finish_rest(struct http_client *client)
{
    GHashTableIter i;
    void *running;
    g_hash_table_iter_init(&i, client->running);
    while (g_hash_table_iter_next(&i, &running, NULL)) {
        curl_multi_remove_handle(client->multi, ((struct call *)running)->easy);
        finish(running, 0, "the hub is stopping");
    }
    g_hash_table_unref(client->running);
    for (struct call *c; (c = g_queue_pop_head(&client->waiting)) != NULL;) {
        finish(c, 0, "the hub is stopping");
    }
}

void http_client_free(struct http_client *client)
{
    if (client == NULL) {
        return;
    }
    g_mutex_lock(&client->lock);
    client->stopping = true;
    g_mutex_unlock(&client->lock);
    curl_multi_wakeup(client->multi);
    g_thread_join(client->thread);
    finish_rest(client);
    curl_multi_cleanup(client->multi);
    g_mutex_clear(&client->lock);
    g_free(client);
}
