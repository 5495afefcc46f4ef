/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of server and client over real sockets. */
#include <arpa/inet.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "http/http.h"

enum { PATIENCE_S = 20 };

/* ---- a server with a few handlers ---- */

struct live {
    struct stream *stream;
    GMutex lock;
    GCond changed;
    int messages; /* to send */
    int sent;
    int closed;
};
static struct live live;

static void say_hello(struct request *r)
{
    struct json *o = json_object(request_arena(r));
    json_add(o, "name", json_string(request_arena(r), request_param(r, "name")));
    const char *q = request_query(r, "q");
    json_add(o, "q", q != NULL ? json_string(request_arena(r), q) : json_null(request_arena(r)));
    reply_json(r, 200, o);
}

static void echo(struct request *r)
{
    struct error e = {0};
    struct json *body = request_json(r, &e);
    if (body == NULL) {
        reply_error(r, &e);
        return;
    }
    reply_header(r, "X-Test", "a\r\nInjected: b");
    reply_json(r, 201, body);
}

static void limit(struct request *r)
{
    struct error e = {0};
    int64_t n;
    if (!request_query_int(r, "limit", 1, 100, 20, &n, &e)) {
        reply_error(r, &e);
        return;
    }
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, n);
    reply_text(r, 200, "text/plain", text, strlen(text));
}

static void upload(struct request *r)
{
    int64_t length;
    g_autofree char *content = NULL;
    gsize read = 0;
    g_assert_true(g_file_get_contents(request_upload(r, &length), &content, &read, NULL));
    g_assert_cmpint(length, ==, (int64_t)read);
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)content, read);
    reply_text(r, 200, "text/plain", sum, strlen(sum));
}

static void *answer_later(void *user)
{
    struct request *r = user;
    reply_text(r, 200, "text/plain", "later", 5);
    request_resume(r);
    return NULL;
}

static void later(struct request *r)
{
    request_suspend(r);
    g_thread_unref(g_thread_new("later", answer_later, r));
}

static void forget(struct request *r)
{
}

static void big(struct request *r)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < 20000; i++) {
        g_string_append_printf(text, "line %d\n", i);
    }
    reply_string(r, 200, "text/plain", text);
}

static ssize_t produce(void *user, char *buffer, size_t max)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&live.lock);
    if (live.messages < 0) {
        return -1;
    }
    if (live.sent == live.messages) {
        return 0;
    }
    return g_snprintf(buffer, max, "data: %d\n\n", ++live.sent);
}

static void closed(void *user)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&live.lock);
    live.closed++;
    live.stream = NULL;
    g_cond_broadcast(&live.changed);
}

static void open_stream(struct request *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&live.lock);
    live.stream = reply_stream(r, "text/event-stream", produce, closed, NULL);
    g_cond_broadcast(&live.changed);
}

static const struct route routes[] = {
    {"GET", "/hello/{name}", NULL, say_hello, "", "", 0},
    {"POST", "/echo", "", echo, "", "", 0},
    {"GET", "/limit", "", limit, "", "", 0},
    {"POST", "/upload", "", upload, "", "", ROUTE_UPLOAD},
    {"GET", "/later", "", later, "", "", 0},
    {"GET", "/forget", "", forget, "", "", 0},
    {"GET", "/big", "", big, "", "", 0},
    {"GET", "/stream", "", open_stream, "", "", 0},
    {"GET", "/secret", "secret.read", say_hello, "", "", 0},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0},
};

static bool authorise(struct request *r, const struct route *route, void *user, struct error *e)
{
    if (g_strcmp0(route->permission, "secret.read") == 0) {
        return error_set(e, ERROR_FORBIDDEN, "not you", "你没有权限");
    }
    request_set_user(r, g_strdup("someone"), g_free);
    return true;
}

struct fixture {
    struct http_server *server;
    char *dir;
};

static void write_file(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_mkdir_with_parents(parent, 0700);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void set_up(struct fixture *f, const void *listen)
{
    struct error e = {0};
    f->dir = g_dir_make_tmp("zhongshu-http-XXXXXX", NULL);
    write_file(f->dir, "web/index.html", "<title>hub</title>");
    write_file(f->dir, "web/assets/app-1.js", "let plain");
    write_file(f->dir, "web/assets/app-1.js.gz", "let packed");
    write_file(f->dir, "secret.txt", "secret");
    write_file(f->dir, "up/upload-old", "left by an earlier run");
    g_autofree char *web = g_build_filename(f->dir, "web", NULL);
    g_autofree char *up = g_build_filename(f->dir, "up", NULL);
    f->server = http_server_new();
    http_server_routes(f->server, routes);
    struct http_options o = {
        .listen = listen, .threads = 2, .authorise = authorise, .web_dir = web, .upload_dir = up};
    if (!http_server_start(f->server, &o, &e)) {
        g_error("%s", e.en);
    }
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) d = g_dir_open(path, 0, NULL);
    for (const char *name; d != NULL && (name = g_dir_read_name(d)) != NULL;) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        remove_tree(inner);
    }
    g_remove(path);
}

static void tear_down(struct fixture *f, const void *listen)
{
    http_server_free(f->server);
    remove_tree(f->dir);
    g_free(f->dir);
}

/* ---- a raw client ---- */

static int dial(struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(f->server))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&at, sizeof at), ==, 0);
    return fd;
}

static void send_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
        g_assert_cmpint(n, >, 0);
        text += n;
        length -= (size_t)n;
    }
}

/* Reads until the peer closes or the text holds until. */
static char *receive(int fd, const char *until)
{
    GString *text = g_string_new(NULL);
    char buffer[4096];
    for (ssize_t n; (until == NULL || strstr(text->str, until) == NULL) &&
                    (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
        g_string_append_len(text, buffer, n);
    }
    return g_string_free(text, FALSE);
}

static char *ask_with_body(struct fixture *f, const char *head, const char *body, size_t length)
{
    int fd = dial(f);
    g_autofree char *text = g_strdup_printf("%s\r\nHost: hub\r\nConnection: close\r\n", head);
    send_all(fd, text, strlen(text));
    if (body != NULL) {
        g_autofree char *announce = g_strdup_printf("Content-Length: %zu\r\n", length);
        send_all(fd, announce, strlen(announce));
    }
    send_all(fd, "\r\n", 2);
    send_all(fd, body, length);
    char *answer = receive(fd, NULL);
    close(fd);
    return answer;
}

static char *ask(struct fixture *f, const char *head)
{
    return ask_with_body(f, head, NULL, 0);
}

static void expect(struct fixture *f, const char *head, const char *status, const char *part)
{
    g_autofree char *answer = ask(f, head);
    g_assert_nonnull(strstr(answer, status));
    if (strstr(answer, part) == NULL) {
        g_error("no \"%s\" in %s", part, answer);
    }
}

/* ---- tests ---- */

static void handlers_see_path_query_and_body(struct fixture *f, const void *listen)
{
    expect(f, "GET /hello/%E6%B8%9D%2F1?q=a+b HTTP/1.1", " 200 ", "{\"name\":\"渝/1\",\"q\":\"a b\"}");
    g_autofree char *answer = ask_with_body(f, "POST /echo HTTP/1.1", "{\"b\":[1]}", 9);
    g_assert_nonnull(strstr(answer, " 201 "));
    g_assert_nonnull(strstr(answer, "{\"b\":[1]}"));
    g_assert_null(strstr(answer, "\nInjected:"));
    g_assert_nonnull(strstr(answer, "X-Content-Type-Options: nosniff"));
    g_assert_nonnull(strstr(answer, "frame-ancestors 'none'"));
    expect(f, "GET /limit?limit=7 HTTP/1.1", " 200 ", "\r\n7");
    expect(f, "GET /limit?limit=101 HTTP/1.1", " 400 ", "1 到 100");
    expect(f, "GET /later HTTP/1.1", " 200 ", "later");
}

static void refusals_are_problem_documents(struct fixture *f, const void *listen)
{
    expect(f, "GET /api/v1/nothing HTTP/1.1", " 404 ", "application/problem+json");
    expect(f, "GET /api/v1/nothing HTTP/1.1", "Content-Language: zh", "不存在");
    expect(f, "GET /api/v1/nothing?lang=en HTTP/1.1", " 404 ", "There is nothing at /api/v1/nothing");
    expect(f, "DELETE /echo HTTP/1.1", " 405 ", "Allow: POST, OPTIONS");
    expect(f, "OPTIONS /hello/x HTTP/1.1", " 204 ", "Allow: GET, HEAD, OPTIONS");
    expect(f, "GET /hello/%ff HTTP/1.1", " 400 ", "UTF-8");
    expect(f, "GET /hello/x?a=%00 HTTP/1.1", " 400 ", "problem+json");
    expect(f, "GET /secret HTTP/1.1", " 403 ", "你没有权限");
    expect(f, "POST /echo HTTP/1.1", " 400 ", "JSON");
    expect(f, "GET /forget HTTP/1.1", " 500 ", "InternalError");
    g_autofree char *answer = ask(f, "HEAD /hello/x HTTP/1.1");
    g_assert_nonnull(strstr(answer, " 200 "));
    g_assert_null(strstr(answer, "name"));
}

static void large_bodies_are_refused(struct fixture *f, const void *listen)
{
    size_t length = LIMIT_BODY + 1;
    g_autofree char *body = g_malloc0(length);
    g_autofree char *answer = ask_with_body(f, "POST /echo HTTP/1.1", body, length);
    g_assert_nonnull(strstr(answer, " 413 "));
    int fd = dial(f);
    const char *head = "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 99999999999\r\n\r\n";
    send_all(fd, head, strlen(head));
    g_autofree char *at_once = receive(fd, "}");
    g_assert_nonnull(strstr(at_once, " 413 "));
    close(fd);
    g_autoptr(GString) chunked = g_string_new("POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                                              "Transfer-Encoding: chunked\r\n\r\n");
    g_string_append_printf(chunked, "%zx\r\n", length);
    g_string_append_len(chunked, body, (gssize)length);
    g_string_append(chunked, "\r\n0\r\n\r\n");
    fd = dial(f);
    send_all(fd, chunked->str, chunked->len);
    g_autofree char *counted = receive(fd, NULL);
    g_assert_nonnull(strstr(counted, " 413 "));
    close(fd);
}

static void uploads_go_to_a_file(struct fixture *f, const void *listen)
{
    size_t length = LIMIT_BODY + 12345;
    g_autofree char *body = g_malloc(length);
    memset(body, 'x', length);
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)body, length);
    g_autofree char *answer = ask_with_body(f, "POST /upload HTTP/1.1", body, length);
    g_assert_nonnull(strstr(answer, sum));
    g_autofree char *up = g_build_filename(f->dir, "up", NULL);
    gint64 deadline = g_get_monotonic_time() + PATIENCE_S * G_TIME_SPAN_SECOND;
    bool empty = false;
    while (!empty && g_get_monotonic_time() < deadline) {
        g_autoptr(GDir) d = g_dir_open(up, 0, NULL);
        empty = g_dir_read_name(d) == NULL; /* the temporary file and the one of the earlier run are gone */
        g_thread_yield();
    }
    g_assert_true(empty);
}

static void the_front_end_is_served(struct fixture *f, const void *listen)
{
    expect(f, "GET / HTTP/1.1", "Cache-Control: no-cache", "<title>hub</title>");
    expect(f, "GET / HTTP/1.1", " 200 ", "worker-src 'self' blob:");
    expect(f, "GET /assets/app-1.js HTTP/1.1", "immutable", "let plain");
    expect(f, "GET /assets/app-1.js HTTP/1.1\r\nAccept-Encoding: gzip", "Content-Encoding: gzip",
           "let packed");
    expect(f, "GET /assets/none.js HTTP/1.1\r\nAccept: text/html", " 404 ", "problem");
    expect(f, "GET /cases/7 HTTP/1.1\r\nAccept: text/html,*/*", " 200 ", "<title>hub");
    expect(f, "GET /cases/7 HTTP/1.1", " 404 ", "problem");
    expect(f, "GET /%2e%2e/secret.txt HTTP/1.1", " 404 ", "problem");
    expect(f, "GET /../secret.txt HTTP/1.1", " 404 ", "problem");
    expect(f, "GET /assets/app-1.js HTTP/1.1\r\nRange: bytes=4-6", " 206 ", "\r\n\r\npla");
    expect(f, "GET /assets/app-1.js HTTP/1.1\r\nRange: bytes=-2", "bytes 7-8/9", "\r\n\r\nin");
    expect(f, "GET /assets/app-1.js HTTP/1.1\r\nRange: bytes=9-", " 416 ", "bytes */9");
    g_autofree char *answer = ask(f, "GET / HTTP/1.1");
    const char *etag = strstr(answer, "ETag: ") + strlen("ETag: ");
    g_autofree char *again =
        g_strdup_printf("GET / HTTP/1.1\r\nIf-None-Match: %.*s", (int)strcspn(etag, "\r"), etag);
    expect(f, again, " 304 ", "ETag");
}

static void large_texts_are_packed_on_request(struct fixture *f, const void *listen)
{
    expect(f, "GET /big HTTP/1.1", " 200 ", "line 19999");
    g_autofree char *answer = ask(f, "GET /big HTTP/1.1\r\nAccept-Encoding: gzip");
    g_assert_nonnull(strstr(answer, "Content-Encoding: gzip"));
    g_assert_null(strstr(answer, "line 19999"));
}

static void wait_live(bool (*until)(void))
{
    gint64 deadline = g_get_monotonic_time() + PATIENCE_S * G_TIME_SPAN_SECOND;
    while (!until()) {
        g_assert_true(g_cond_wait_until(&live.changed, &live.lock, deadline));
    }
}

static bool is_open(void)
{
    return live.stream != NULL;
}

static bool is_closed(void)
{
    return live.closed == 1;
}

static int open_live(struct fixture *f)
{
    live.closed = live.sent = live.messages = 0;
    int fd = dial(f);
    const char *head = "GET /stream HTTP/1.1\r\nHost: hub\r\n\r\n";
    send_all(fd, head, strlen(head));
    g_mutex_lock(&live.lock);
    wait_live(is_open);
    g_mutex_unlock(&live.lock);
    return fd;
}

static void push(int messages)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&live.lock);
    live.messages = messages;
    stream_wake(live.stream);
}

static void expect_closed(void)
{
    g_mutex_lock(&live.lock);
    wait_live(is_closed);
    g_mutex_unlock(&live.lock);
}

static void streams_push_and_end(struct fixture *f, const void *listen)
{
    int fd = open_live(f);
    push(2);
    g_autofree char *some = receive(fd, "data: 2\n");
    g_assert_nonnull(strstr(some, "data: 2\n"));
    push(500);
    g_autofree char *more = receive(fd, "data: 500\n");
    g_assert_nonnull(strstr(more, "data: 500\n"));
    push(-1);
    expect_closed();
    close(fd);
}

static void a_client_that_goes_away_closes_its_stream(struct fixture *f, const void *listen)
{
    close(open_live(f));
    expect_closed();
}

static void stopping_ends_streams(struct fixture *f, const void *listen)
{
    int fd = open_live(f);
    int idle = dial(f);
    http_server_free(g_steal_pointer(&f->server));
    g_assert_cmpint(live.closed, ==, 1);
    close(fd);
    close(idle);
}

static void addresses_that_fail_are_named(struct fixture *f, const void *listen)
{
    static const char *const wrong[] = {"8080", "127.0.0.1:", "127.0.0.1:99999", "256.1.1.1:80", NULL, NULL};
    g_autofree char *taken = g_strdup_printf("127.0.0.1:%d", http_server_port(f->server));
    for (int i = 0; i < 5; i++) {
        struct http_server *s = http_server_new();
        struct http_options o = {.listen = wrong[i] != NULL ? wrong[i] : taken};
        struct error e = {0};
        g_assert_false(http_server_start(s, &o, &e));
        g_assert_nonnull(strstr(e.en, o.listen));
        g_assert_nonnull(strstr(e.zh, o.listen));
        http_server_free(s);
    }
}

struct answer {
    GMutex lock;
    GCond changed;
    int status; /* -1 = none yet */
    char *body;
};

static void answered(void *user, int status, const char *reason, const char *body, size_t length)
{
    struct answer *a = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&a->lock);
    a->status = status;
    a->body = status == 0 ? g_strdup(reason) : g_strndup(body, length);
    g_cond_signal(&a->changed);
}

static int fetch(struct http_client *c, struct fixture *f, const char *method, const char *path,
                 const char *body, char **text)
{
    struct answer a = {.status = -1};
    const char *const headers[] = {"Accept-Language: en", NULL};
    g_autofree char *url =
        g_strdup_printf("http://127.0.0.1:%d%s", f != NULL ? http_server_port(f->server) : 1, path);
    g_mutex_init(&a.lock);
    g_cond_init(&a.changed);
    http_client_send(c, method, url, headers, body, body != NULL ? strlen(body) : 0, PATIENCE_S * 1000,
                     answered, &a);
    g_mutex_lock(&a.lock);
    while (a.status == -1) {
        g_cond_wait(&a.changed, &a.lock);
    }
    g_mutex_unlock(&a.lock);
    *text = a.body;
    return a.status;
}

static void the_client_calls(struct fixture *f, const void *listen)
{
    struct http_client *c = http_client_new();
    g_autofree char *posted = NULL;
    g_autofree char *got = NULL;
    g_autofree char *refused = NULL;
    g_autofree char *huge = NULL;
    g_assert_cmpint(fetch(c, f, "POST", "/echo", "{\"x\":1}", &posted), ==, 201);
    g_assert_cmpstr(posted, ==, "{\"x\":1}");
    g_assert_cmpint(fetch(c, f, "GET", "/api/none", NULL, &got), ==, 404);
    g_assert_nonnull(strstr(got, "There is nothing"));
    g_assert_cmpint(fetch(c, f, "GET", "/big", NULL, &huge), ==, 200);
    g_assert_cmpuint(strlen(huge), ==, 64 << 10);
    g_assert_cmpint(fetch(c, NULL, "GET", "/", NULL, &refused), ==, 0);
    g_assert_cmpstr(refused, !=, "");
    http_client_free(c);
}

static void a_stopped_client_answers_what_is_out(struct fixture *f, const void *listen)
{
    struct answer a = {.status = -1};
    int fd = open_live(f);
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/stream", http_server_port(f->server));
    struct http_client *c = http_client_new();
    g_mutex_init(&a.lock);
    http_client_send(c, "GET", url, NULL, NULL, 0, PATIENCE_S * 1000, answered, &a);
    http_client_free(c);
    g_assert_cmpint(a.status, ==, 0);
    g_assert_cmpstr(a.body, ==, "the hub is stopping");
    g_free(a.body);
    close(fd);
}

static void ipv6_is_served(struct fixture *f, const void *listen)
{
    expect(f, "GET /hello/6 HTTP/1.1", " 200 ", "\"6\""); /* dual stack: the raw client speaks IPv4 */
}

#define TEST(name, listen) g_test_add("/http/" #name, struct fixture, listen, set_up, name, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_mutex_init(&live.lock);
    g_cond_init(&live.changed);
    TEST(handlers_see_path_query_and_body, "127.0.0.1:0");
    TEST(refusals_are_problem_documents, "127.0.0.1:0");
    TEST(large_bodies_are_refused, "127.0.0.1:0");
    TEST(uploads_go_to_a_file, "127.0.0.1:0");
    TEST(the_front_end_is_served, "127.0.0.1:0");
    TEST(large_texts_are_packed_on_request, "127.0.0.1:0");
    TEST(streams_push_and_end, "127.0.0.1:0");
    TEST(a_client_that_goes_away_closes_its_stream, "127.0.0.1:0");
    TEST(stopping_ends_streams, "127.0.0.1:0");
    TEST(addresses_that_fail_are_named, "127.0.0.1:0");
    TEST(the_client_calls, "127.0.0.1:0");
    TEST(a_stopped_client_answers_what_is_out, "127.0.0.1:0");
    TEST(ipv6_is_served, "[::]:0");
    return g_test_run();
}
