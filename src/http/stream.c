/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that come in pieces: a connection sleeps (is suspended) while there is nothing to send. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/limits.h"
#include "http/request.h"

enum { STREAM_BLOCK = 16 << 10, SWEEP_MS = 1000 };

struct stream {
    uint64_t id;
    struct request *request;
    ssize_t (*produce)(void *user, char *buffer, size_t max);
    void (*closed)(void *user);
    void *user;
    bool endless;  /* server-sent events: a client knows that they may stop anywhere */
    GMutex lock;   /* of the three below */
    bool sleeping; /* the connection is suspended */
    bool woken;    /* stream_wake came while awake: ask produce once more before sleeping */
    bool ending;   /* the client has gone, or the server stops */
};

/* Decides under the lock whether to sleep; false = there was a wake, ask again. */
static bool fall_asleep(struct stream *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    if (s->woken || s->ending) {
        s->woken = false;
        return false;
    }
    s->sleeping = true;
    MHD_suspend_connection(s->request->connection);
    return true;
}

static bool is_ending(struct stream *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    return s->ending;
}

static ssize_t on_room(void *user, uint64_t position, char *buffer, size_t max)
{
    struct stream *s = user;
    do {
        if (is_ending(s)) {
            return s->endless ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
        }
        ssize_t n = s->produce(s->user, buffer, max);
        if (n != 0) {
            counter_add(&http_counters[HTTP_BYTES_OUT], MAX(n, 0));
            return n > 0                    ? n
                   : n == STREAM_BROKEN_OFF ? MHD_CONTENT_READER_END_WITH_ERROR
                                            : MHD_CONTENT_READER_END_OF_STREAM;
        }
    } while (!fall_asleep(s));
    return 0;
}

static void wake(struct stream *s, bool end)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    s->ending = s->ending || end;
    s->woken = !s->sleeping;
    if (s->sleeping) {
        s->sleeping = false;
        MHD_resume_connection(s->request->connection);
    }
}

void stream_wake(struct stream *s)
{
    wake(s, false);
}

static struct stream *refuse(struct request *r)
{
    struct error e;
    error_set(&e, ERROR_UNAVAILABLE, "All %d live streams are taken: close one or try again later",
              "%d 个实时推送连接已用完：请关闭一些或稍后再试", LIMIT_STREAMS);
    reply_error(r, &e);
    return NULL;
}

static bool enlist(struct http_server *server, struct stream *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&server->lock);
    if (g_hash_table_size(server->streams) >= LIMIT_STREAMS || g_atomic_int_get(&server->stopping)) {
        return false;
    }
    s->id = ++server->last_stream;
    g_hash_table_insert(server->streams, &s->id, s);
    counter_set(&http_counters[HTTP_STREAMS], g_hash_table_size(server->streams));
    return true;
}

int request_socket(struct request *r)
{
    return MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

struct stream *reply_stream(struct request *r, const char *content_type,
                            ssize_t (*produce)(void *user, char *buffer, size_t max),
                            void (*closed)(void *user), void *user)
{
    struct stream *s = g_new0(struct stream, 1);
    *s = (struct stream){.request = r, .produce = produce, .closed = closed, .user = user};
    s->endless = g_str_has_prefix(content_type, "text/event-stream");
    g_mutex_init(&s->lock);
    if (!enlist(r->server, s)) {
        g_mutex_clear(&s->lock);
        g_free(s);
        return refuse(r);
    }
    r->stream = s;
    reply_header(r, "X-Accel-Buffering", "no");
    reply_response(r, 200, content_type,
                   MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_room, s, NULL));
    struct epoll_event watch = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = s->id};
    epoll_ctl(r->server->watch_fd, EPOLL_CTL_ADD, request_socket(r), &watch);
    return s;
}

void stream_finish(struct request *r)
{
    struct stream *s = g_steal_pointer(&r->stream);
    if (s == NULL) {
        return;
    }
    g_mutex_lock(&r->server->lock);
    g_hash_table_remove(r->server->streams, &s->id);
    counter_set(&http_counters[HTTP_STREAMS], g_hash_table_size(r->server->streams));
    g_mutex_unlock(&r->server->lock);
    epoll_ctl(r->server->watch_fd, EPOLL_CTL_DEL, request_socket(r), NULL);
    if (s->closed != NULL) {
        s->closed(s->user);
    }
    g_mutex_clear(&s->lock);
    g_free(s);
}

void stream_end_all(struct http_server *server)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&server->lock);
    GHashTableIter i;
    void *s;
    g_hash_table_iter_init(&i, server->streams);
    while (g_hash_table_iter_next(&i, NULL, &s)) {
        wake(s, true);
    }
}

/* ---- clients that go away while their stream sleeps, or take their reply too slowly ---- */

static void client_gone(struct http_server *server, uint64_t id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&server->lock);
    struct stream *s = g_hash_table_lookup(server->streams, &id);
    if (s != NULL) {
        wake(s, true);
    }
}

static void *watch(void *user)
{
    struct http_server *server = user;
    struct epoll_event events[64];
    for (;;) {
        int n = epoll_wait(server->watch_fd, events, G_N_ELEMENTS(events), SWEEP_MS);
        budget_cut_off(server);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == 0) {
                return NULL; /* the number of watch_stop_fd */
            }
            client_gone(server, events[i].data.u64);
        }
        if (n < 0 && errno != EINTR) {
            return NULL;
        }
    }
}

void stream_start_watcher(struct http_server *s)
{
    s->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    s->watch_stop_fd = eventfd(0, EFD_CLOEXEC);
    struct epoll_event stop = {.events = EPOLLIN, .data.u64 = 0};
    epoll_ctl(s->watch_fd, EPOLL_CTL_ADD, s->watch_stop_fd, &stop);
    s->watcher = g_thread_new("http-watch", watch, s);
}

void stream_stop_watcher(struct http_server *s)
{
    if (s->watcher != NULL) {
        uint64_t one = 1;
        if (write(s->watch_stop_fd, &one, sizeof one) == sizeof one) {
            g_thread_join(s->watcher);
        }
        close(s->watch_fd);
        close(s->watch_stop_fd);
    }
}
