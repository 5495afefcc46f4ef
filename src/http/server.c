/* SPDX-License-Identifier: Apache-2.0 */
/* The server: listens, walks each request through its phases, stops. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "http/request.h"

enum {
    CONNECTION_MEMORY = 64 << 10,
    CONNECTIONS = 8192,
    IDLE_SECONDS = 65, /* a connection without traffic */
    STOP_SECONDS = 3,  /* for requests under way when the server stops */
    STOP_SUSPENDED_SECONDS = 20,
    BODY_THROWN_AWAY = 64 << 20, /* a refused body is read up to here, so that its sender sees the answer */
};

struct counter http_counters[HTTP_COUNTERS] = {
    [HTTP_REQUESTS] = {"zhongshu_http_requests_total", COUNTER_COUNTER, "Requests answered",
                       "已应答的请求数"},
    [HTTP_CLIENT_ERRORS] = {"zhongshu_http_client_errors_total", COUNTER_COUNTER,
                            "Requests answered with a status of 400 to 499", "以 4xx 状态应答的请求数"},
    [HTTP_SERVER_ERRORS] = {"zhongshu_http_server_errors_total", COUNTER_COUNTER,
                            "Requests answered with a status of 500 to 599", "以 5xx 状态应答的请求数"},
    [HTTP_BYTES_IN] = {"zhongshu_http_body_bytes_received_total", COUNTER_COUNTER,
                       "Bytes of request bodies received", "收到的请求内容字节数"},
    [HTTP_BYTES_OUT] = {"zhongshu_http_body_bytes_sent_total", COUNTER_COUNTER,
                        "Bytes of reply bodies handed out", "发出的应答内容字节数"},
    [HTTP_STREAMS] = {"zhongshu_http_streams", COUNTER_GAUGE, "Live streams open", "打开的实时推送连接数"},
    [HTTP_ACTIVE] = {"zhongshu_http_active_requests", COUNTER_GAUGE, "Requests under way",
                     "正在处理的请求数"},
    [HTTP_HELD] = {"zhongshu_http_held_bytes", COUNTER_GAUGE, "Memory of larger bodies and replies under way",
                   "收发中的较大内容占用的内存"},
    [HTTP_CUT_OFF] = {"zhongshu_http_cut_off_total", COUNTER_COUNTER,
                      "Clients cut off because they took their reply too slowly",
                      "因接收过慢而被断开的客户端数"},
};

struct http_server *http_server_new(void)
{
    struct http_server *s = g_new0(struct http_server, 1);
    s->router = router_new();
    s->listen_fd = s->watch_fd = s->watch_stop_fd = -1;
    s->streams = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_mutex_init(&s->lock);
    g_cond_init(&s->drained);
    counters_register(http_counters, HTTP_COUNTERS);
    return s;
}

void http_server_routes(struct http_server *s, const struct route *routes)
{
    g_assert(s->daemon == NULL);
    for (; routes != NULL && routes->method != NULL; routes++) {
        router_add(s->router, routes);
    }
}

void http_server_each_route(struct http_server *s, void (*each)(void *user, const struct route *route),
                            void *user)
{
    const GPtrArray *routes = router_routes(s->router);
    for (guint i = 0; i < routes->len; i++) {
        each(user, routes->pdata[i]);
    }
}

int http_server_port(struct http_server *s)
{
    return s->port;
}

/* ---- one request ---- */

static void *on_begin(void *user, const char *target, struct MHD_Connection *connection)
{
    struct http_server *s = user;
    struct request *r = g_new0(struct request, 1);
    r->server = s;
    r->connection = connection;
    r->arena = arena_new();
    r->upload_fd = -1;
    decode_target(r->arena, target, &r->raw_path, &r->raw_query);
    r->path = r->raw_path;
    g_atomic_int_inc(&s->active);
    counter_add(&http_counters[HTTP_ACTIVE], 1);
    return r;
}

static bool find_route(struct request *r, struct error *e)
{
    r->path = decode_text(r->arena, r->raw_path, strlen(r->raw_path), false, e);
    if (r->path == NULL) {
        r->path = "";
        return false;
    }
    return decode_query(r->arena, r->raw_query, &r->query, e) &&
           router_find(r->server->router, r->arena, r->method, r->raw_path, &r->match, e);
}

static bool is_read(const struct request *r)
{
    return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

static bool is_options(const struct request *r)
{
    return strcmp(r->method, "OPTIONS") == 0 && r->match.route == NULL && r->match.allow != NULL;
}

static int64_t body_limit(const struct request *r)
{
    bool upload = r->match.route != NULL && r->match.route->flags & ROUTE_UPLOAD;
    return upload ? LIMIT_UPLOAD : LIMIT_BODY;
}

static bool refuse_length(const struct request *r, struct error *e)
{
    return error_set(e, ERROR_TOO_LARGE, "The body is larger than %d MiB: send it in parts",
                     "请求内容超过 %d MiB：请分批发送", (int)(body_limit(r) >> 20));
}

/* What can be refused before the body has come. */
static bool check_head(struct request *r, struct error *e)
{
    struct http_server *s = r->server;
    if (!framing_check(r, e) || !find_route(r, e)) {
        return false;
    }
    if (g_atomic_int_get(&s->stopping)) {
        return error_set(e, ERROR_UNAVAILABLE, "The hub is stopping: try again in a moment",
                         "系统正在停止：请稍后再试");
    }
    if (r->match.route == NULL && r->match.allow != NULL && !is_options(r)) {
        r->allow = r->match.allow;
        return error_set(e, ERROR_METHOD_NOT_ALLOWED, "%.20s is not possible at %.200s, only %s",
                         "%2$.200s 不支持 %1$.20s，可用的方法：%3$s", r->method, r->path, r->match.allow);
    }
    if (r->match.route != NULL && s->options.authorise != NULL &&
        !s->options.authorise(r, r->match.route, s->options.user, e)) {
        return false;
    }
    const char *announced = request_header(r, "Content-Length");
    if (announced != NULL && g_ascii_strtoll(announced, NULL, 10) > body_limit(r)) {
        return refuse_length(r, e);
    }
    return true;
}

/* A refused body that is small enough is read to its end: a client that is still sending would not see the
 * answer. */
static bool must_answer_now(struct request *r)
{
    const char *announced = request_header(r, "Content-Length");
    return r->refusal.code != ERROR_NONE &&
           (r->malformed || (announced != NULL && g_ascii_strtoll(announced, NULL, 10) > BODY_THROWN_AWAY) ||
            request_header(r, "Expect") != NULL);
}

static bool open_upload(struct request *r)
{
    const char *dir = r->server->upload_dir;
    r->upload = g_build_filename(dir != NULL ? dir : g_get_tmp_dir(), "upload-XXXXXX", NULL);
    r->upload_fd = g_mkstemp_full(r->upload, O_RDWR | O_CLOEXEC, 0600);
    if (r->upload_fd < 0) {
        g_clear_pointer(&r->upload, g_free);
        return error_set(&r->refusal, ERROR_STORAGE_FULL, "The file cannot be stored: %s", "无法保存文件：%s",
                         g_strerror(errno));
    }
    return true;
}

static enum MHD_Result on_head(struct request *r, const char *method)
{
    r->method = arena_strdup(r->arena, method);
    r->phase = REQUEST_RECEIVING;
    if (check_head(r, &r->refusal) && r->match.route != NULL && r->match.route->flags & ROUTE_UPLOAD) {
        open_upload(r);
    }
    if (must_answer_now(r)) {
        r->phase = REQUEST_HANDLED;
        reply_error(r, &r->refusal);
        return reply_queue(r);
    }
    return MHD_YES;
}

static void keep_in_memory(struct request *r, const char *data, size_t n)
{
    if (r->length + n + 1 > r->room) {
        size_t room = MAX(r->room * 2, r->length + n + 1);
        if (!budget_take(r, room - r->room, &r->refusal)) {
            return;
        }
        r->room = room;
        r->body = g_realloc(r->body, r->room);
    }
    memcpy(r->body + r->length, data, n);
    r->length += n;
    r->body[r->length] = '\0';
}

static void keep_in_file(struct request *r, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t written = write(r->upload_fd, data, n);
        if (written < 0 && errno != EINTR) {
            error_set(&r->refusal, ERROR_STORAGE_FULL, "The file cannot be stored: %s", "无法保存文件：%s",
                      g_strerror(errno));
            return;
        }
        data += MAX(written, 0);
        n -= (size_t)MAX(written, 0);
    }
}

static enum MHD_Result on_body(struct request *r, const char *data, size_t n)
{
    r->received += (int64_t)n;
    counter_add(&http_counters[HTTP_BYTES_IN], (int64_t)n);
    if (r->refusal.code == ERROR_NONE && r->received > body_limit(r)) {
        refuse_length(r, &r->refusal);
    }
    if (r->refusal.code != ERROR_NONE) {
        return r->received > body_limit(r) + BODY_THROWN_AWAY ? MHD_NO : MHD_YES;
    }
    if (r->upload_fd >= 0) {
        keep_in_file(r, data, n);
    } else {
        keep_in_memory(r, data, n);
    }
    return MHD_YES;
}

static void reply_unknown(struct request *r)
{
    struct error e;
    error_set(&e, ERROR_NOT_FOUND, "There is nothing at %.200s", "%.200s 不存在", r->path);
    reply_error(r, &e);
}

static void handle(struct request *r)
{
    if (r->refusal.code != ERROR_NONE) {
        reply_error(r, &r->refusal);
    } else if (r->match.route != NULL) {
        r->match.route->handler(r);
    } else if (is_options(r)) {
        reply_header(r, "Allow", r->match.allow);
        reply_empty(r, 204);
    } else if (!is_read(r) || !files_serve(r)) {
        reply_unknown(r);
    }
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *length,
                                  void **context)
{
    struct request *r = *context;
    if (r->phase == REQUEST_BEGUN) {
        return on_head(r, method);
    }
    if (*length > 0) {
        size_t n = *length;
        *length = 0;
        return r->phase == REQUEST_RECEIVING ? on_body(r, data, n) : MHD_YES;
    }
    if (r->phase == REQUEST_RECEIVING) {
        r->phase = REQUEST_HANDLED;
        handle(r);
        if (r->suspended) {
            return MHD_YES; /* called again after request_resume; r belongs to another thread until then */
        }
    }
    return r->phase == REQUEST_HANDLED ? reply_queue(r) : MHD_YES;
}

static void request_free(struct request *r)
{
    budget_return(r);
    if (r->free_user != NULL) {
        r->free_user(r->user);
    }
    if (r->response != NULL) {
        MHD_destroy_response(r->response);
    }
    if (r->upload_fd >= 0) {
        close(r->upload_fd);
        unlink(r->upload);
    }
    g_free(r->upload);
    g_free(r->body);
    arena_free(r->arena);
    g_free(r);
}

static void on_complete(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode why)
{
    struct http_server *s = user;
    struct request *r = *context;
    if (r == NULL) {
        return;
    }
    *context = NULL;
    stream_finish(r);
    request_free(r);
    counter_add(&http_counters[HTTP_ACTIVE], -1);
    if (g_atomic_int_dec_and_test(&s->active) && g_atomic_int_get(&s->stopping)) {
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
        g_cond_broadcast(&s->drained);
    }
}

/* ---- listening ---- */

/* Cuts "host:port", "[v6]:port", ":port". */
static bool cut_address(const char *listen, char **host, char **service, struct error *e)
{
    const char *colon = listen != NULL ? strrchr(listen, ':') : NULL;
    if (colon == NULL || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        atoi(colon + 1) > 65535) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "The address to listen at, \"%s\", is not of the form 127.0.0.1:8080 or [::1]:8080",
                         "监听地址“%s”格式不正确，应形如 127.0.0.1:8080 或 [::1]:8080",
                         listen != NULL ? listen : "");
    }
    bool bracket = listen[0] == '[' && colon > listen + 1 && colon[-1] == ']';
    *host = bracket ? g_strndup(listen + 1, (size_t)(colon - listen - 2))
                    : g_strndup(listen, (size_t)(colon - listen));
    *service = g_strdup(colon + 1);
    return true;
}

static int open_socket(const struct addrinfo *at)
{
    int one = 1;
    int zero = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (at->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char service[NI_MAXSERV] = "0";
    getsockname(fd, (struct sockaddr *)&address, &length);
    getnameinfo((struct sockaddr *)&address, length, NULL, 0, service, sizeof service, NI_NUMERICSERV);
    return atoi(service);
}

static bool listen_at(struct http_server *s, const char *listen, struct error *e)
{
    g_autofree char *host = NULL;
    g_autofree char *service = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (!cut_address(listen, &host, &service, e)) {
        return false;
    }
    int failure = getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &found);
    if (failure != 0) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The address to listen at, \"%s\", is not known: %s",
                         "无法解析监听地址“%s”：%s", listen, gai_strerror(failure));
    }
    s->listen_fd = open_socket(found);
    int saved = errno;
    freeaddrinfo(found);
    if (s->listen_fd < 0) {
        return error_set(e, ERROR_UNAVAILABLE, "Cannot listen at %s: %s. Is another program using this port?",
                         "无法在 %s 监听：%s。该端口是否已被占用？", listen, g_strerror(saved));
    }
    s->port = port_of(s->listen_fd);
    return true;
}

static size_t keep_raw(void *user, struct MHD_Connection *connection, char *text)
{
    return strlen(text); /* decode.c decodes, segment by segment */
}

static void on_log(void *user, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    log_debug("http", "%s", g_strchomp(text));
}

static bool start_daemon(struct http_server *s, struct error *e)
{
    int threads = s->options.threads > 0 ? s->options.threads : (int)g_get_num_processors();
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, threads, NULL}, {MHD_OPTION_END, 0, NULL}};
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, s->listen_fd,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_URI_LOG_CALLBACK, on_begin, s, MHD_OPTION_NOTIFY_COMPLETED, on_complete, s,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_raw, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY,
        threads > 1 ? pool : pool + 1, MHD_OPTION_END);
    if (s->daemon == NULL) {
        return error_set(e, ERROR_UNAVAILABLE, "The HTTP server cannot start: %s", "HTTP 服务无法启动：%s",
                         g_strerror(errno));
    }
    return true;
}

static void remove_old_uploads(const char *dir)
{
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    for (const char *name; d != NULL && (name = g_dir_read_name(d)) != NULL;) {
        if (g_str_has_prefix(name, "upload-")) {
            g_autofree char *path = g_build_filename(dir, name, NULL);
            unlink(path);
        }
    }
}

bool http_server_start(struct http_server *s, const struct http_options *options, struct error *e)
{
    if (!listen_at(s, options->listen, e)) {
        return false;
    }
    s->options = *options;
    s->web_dir = g_strdup(options->web_dir);
    budget_init(s);
    s->upload_dir = g_strdup(options->upload_dir);
    if (s->upload_dir != NULL) {
        g_mkdir_with_parents(s->upload_dir, 0700);
        remove_old_uploads(s->upload_dir);
    }
    router_routes(s->router);
    stream_start_watcher(s);
    return start_daemon(s, e);
}

/* Waits until no request is under way, or until the deadline. */
static void wait_active(struct http_server *s, int seconds)
{
    gint64 deadline = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    while (g_atomic_int_get(&s->active) > 0 && g_cond_wait_until(&s->drained, &s->lock, deadline)) {
    }
}

/* Slow clients are cut off after a while; a request that another thread has is waited for longer, since the
 * daemon cannot be stopped with it. */
static bool drain(struct http_server *s)
{
    wait_active(s, STOP_SECONDS);
    if (g_atomic_int_get(&s->suspended) > 0) {
        wait_active(s, STOP_SUSPENDED_SECONDS);
    }
    return g_atomic_int_get(&s->suspended) == 0;
}

static bool stop_daemon(struct http_server *s)
{
    g_atomic_int_set(&s->stopping, 1);
    /* MHD_quiesce_daemon would abort now and then (0.9.75): its threads race with it for the listening
     * socket. So requests that still come are answered 503. */
    stream_end_all(s);
    if (!drain(s)) {
        log_error("http", "%d suspended requests were not resumed within %d s; the server's threads are left",
                  g_atomic_int_get(&s->suspended), STOP_SUSPENDED_SECONDS);
        return false;
    }
    MHD_stop_daemon(s->daemon);
    s->listen_fd = -1; /* closed with it */
    return true;
}

void http_server_free(struct http_server *s)
{
    if (s == NULL || (s->daemon != NULL && !stop_daemon(s))) {
        return;
    }
    stream_stop_watcher(s);
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
    }
    router_free(s->router);
    g_hash_table_unref(s->streams);
    g_mutex_clear(&s->lock);
    g_cond_clear(&s->drained);
    g_free(s->web_dir);
    g_free(s->upload_dir);
    g_free(s);
}
