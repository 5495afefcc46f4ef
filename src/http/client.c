/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing requests: one thread, one curl multi handle. */
#include <curl/curl.h>
#include <string.h>

#include "http/address.h"
#include "http/http.h"

enum { KEPT_ANSWER = 64 << 10, KEPT_HEADERS = 16 << 10, CONNECT_MS = 10000, CONNECTIONS = 64 };

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
    GString *answer, *answer_headers;
    size_t keep;
    bool cut;
    char reason[CURL_ERROR_SIZE], refused[64];
    void (*done)(void *user, const struct http_answer *answer);
    void *user;
};

/* Hands the result over and frees. */
static void finish(struct call *c, int status, const char *reason, bool timed_out)
{
    const struct http_answer answer = {.status = status,
                                       .reason = reason,
                                       .timed_out = timed_out,
                                       .body = c->answer->str,
                                       .length = c->answer->len,
                                       .cut = c->cut,
                                       .headers = c->answer_headers->str};
    c->done(c->user, &answer);
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    g_string_free(c->answer, TRUE);
    g_string_free(c->answer_headers, TRUE);
    g_free(c->body);
    g_free(c);
}

static size_t keep_answer(char *data, size_t size, size_t n, void *user)
{
    struct call *c = user;
    size_t room = c->keep - c->answer->len;
    c->cut = c->cut || size * n > room;
    g_string_append_len(c->answer, data, (gssize)MIN(size * n, room));
    return size * n;
}

static size_t keep_header(char *data, size_t size, size_t n, void *user)
{
    GString *kept = ((struct call *)user)->answer_headers;
    if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        g_string_truncate(kept, 0); /* after an interim answer */
    }
    if (kept->len + size * n <= KEPT_HEADERS) {
        g_string_append_len(kept, data, (gssize)(size * n));
    }
    return size * n;
}

char *http_answer_header(const struct http_answer *answer, const char *name)
{
    size_t n = strlen(name);
    const char *found = NULL;
    for (const char *line = answer->headers; line != NULL && *line != '\0' && found == NULL;) {
        const char *end = strchr(line, '\n');
        if (g_ascii_strncasecmp(line, name, n) == 0 && line[n] == ':') {
            found = line + n + 1;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return found != NULL ? g_strstrip(g_strndup(found, strcspn(found, "\r\n"))) : NULL;
}

int64_t http_date(const char *text)
{
    return (int64_t)curl_getdate(text, NULL);
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
        const char *reason = c->refused[0] != '\0'  ? c->refused
                             : c->reason[0] != '\0' ? c->reason
                                                    : curl_easy_strerror(result);
        finish(c, result == CURLE_OK ? (int)status : 0, result == CURLE_OK ? "" : reason,
               result == CURLE_OPERATION_TIMEDOUT);
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
    return http_client_new_sized(CONNECTIONS, 0);
}

struct http_client *http_client_new_sized(int connections, int to_one_host)
{
    static gsize once;
    if (g_once_init_enter(&once)) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        g_once_init_leave(&once, 1);
    }
    struct http_client *client = g_new0(struct http_client, 1);
    client->multi = curl_multi_init();
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)to_one_host);
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

/* Looked at when a connection is opened: names and redirects cannot hide an address. */
static curl_socket_t open_public(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct call *c = user;
    if (!address_is_public(&address->addr)) {
        g_strlcpy(c->refused, "its address is not on the public internet", sizeof c->refused);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype, address->protocol);
}

static void only_public(struct call *c)
{
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, open_public);
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 1L); /* not one that others have opened */
    curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, 1L);
}

static struct curl_slist *copy_headers(const char *const *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (; headers != NULL && *headers != NULL; headers++) {
        list = curl_slist_append(list, *headers);
    }
    return list;
}

void http_client_exchange(struct http_client *client, const struct http_exchange *x)
{
    struct call *c = g_new0(struct call, 1);
    c->done = x->done;
    c->user = x->user;
    c->easy = curl_easy_init();
    c->answer = g_string_new(NULL);
    c->answer_headers = g_string_new(NULL);
    c->keep = x->keep;
    c->headers = copy_headers(x->headers);
    c->body = x->body != NULL ? g_memdup2(x->body, MAX(x->length, 1)) : NULL;
    set_body(c->easy, x->method, c->body, x->length);
    curl_easy_setopt(c->easy, CURLOPT_URL, x->url);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, keep_header);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->reason);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)x->timeout_ms);
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(x->timeout_ms, CONNECT_MS));
    curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "zhongshu/" ZHONGSHU_VERSION);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (x->public_only) {
        only_public(c);
    }
    g_mutex_lock(&client->lock);
    g_queue_push_tail(&client->waiting, c);
    g_mutex_unlock(&client->lock);
    curl_multi_wakeup(client->multi);
}

struct plain_done {
    void (*done)(void *user, int status, const char *reason, const char *body, size_t length);
    void *user;
};

static void call_plain_done(void *user, const struct http_answer *a)
{
    struct plain_done *plain = user;
    plain->done(plain->user, a->status, a->reason, a->body, a->length);
    g_free(plain);
}

void http_client_send(struct http_client *client, const char *method, const char *url,
                      const char *const *headers, const char *body, size_t length, int timeout_ms,
                      void (*done)(void *user, int status, const char *reason, const char *body,
                                   size_t length),
                      void *user)
{
    struct plain_done *plain = g_new(struct plain_done, 1);
    *plain = (struct plain_done){done, user};
    const struct http_exchange x = {.method = method,
                                    .url = url,
                                    .headers = headers,
                                    .body = body,
                                    .length = length,
                                    .timeout_ms = timeout_ms,
                                    .keep = KEPT_ANSWER,
                                    .done = call_plain_done,
                                    .user = plain};
    http_client_exchange(client, &x);
}

static void finish_rest(struct http_client *client)
{
    GHashTableIter i;
    void *running;
    g_hash_table_iter_init(&i, client->running);
    while (g_hash_table_iter_next(&i, &running, NULL)) {
        curl_multi_remove_handle(client->multi, ((struct call *)running)->easy);
        finish(running, 0, "the hub is stopping", false);
    }
    g_hash_table_unref(client->running);
    for (struct call *c; (c = g_queue_pop_head(&client->waiting)) != NULL;) {
        finish(c, 0, "the hub is stopping", false);
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
