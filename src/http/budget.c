/* SPDX-License-Identifier: Apache-2.0 */
/* The memory that all clients together hold, and the time that each has to take its answer. */
#include <sys/socket.h>

#include "base/limits.h"
#include "base/log.h"
#include "http/request.h"

enum {
    NOT_COUNTED = 16 << 10, /* bytes; smaller ones are bounded by the number of connections */
    REPLY_UNIT = 2 << 20,   /* bytes that a client may take reply_seconds for */
};

void budget_init(struct http_server *s)
{
    s->memory = s->options.memory > 0 ? s->options.memory : LIMIT_REQUEST_MEMORY;
    s->reply_seconds = s->options.reply_seconds > 0 ? s->options.reply_seconds : LIMIT_REPLY_SECONDS;
    g_queue_init(&s->sending);
}

bool budget_take(struct request *r, size_t bytes, struct error *e)
{
    struct http_server *s = r->server;
    int64_t wanted = (int64_t)bytes;
    if (bytes < NOT_COUNTED) {
        return true;
    }
    if (__atomic_add_fetch(&s->held, wanted, __ATOMIC_RELAXED) > s->memory) {
        __atomic_sub_fetch(&s->held, wanted, __ATOMIC_RELAXED);
        return error_set(
            e, ERROR_TOO_MANY_REQUESTS,
            "Too much data is being received and sent at once: try again in a moment, or ask for less",
            "同时收发的数据过多：请稍后重试，或减少单次的数据量");
    }
    r->held += wanted;
    counter_set(&http_counters[HTTP_HELD], __atomic_load_n(&s->held, __ATOMIC_RELAXED));
    return true;
}

void budget_expect(struct request *r, size_t bytes)
{
    struct http_server *s = r->server;
    if (bytes < NOT_COUNTED) {
        return;
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    r->deadline =
        g_get_monotonic_time() + s->reply_seconds * G_TIME_SPAN_SECOND * (int64_t)(1 + bytes / REPLY_UNIT);
    r->link.data = r;
    g_queue_push_tail_link(&s->sending, &r->link);
}

void budget_return(struct request *r)
{
    struct http_server *s = r->server;
    if (r->deadline != 0) {
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
        g_queue_unlink(&s->sending, &r->link);
    }
    if (r->held > 0) {
        int64_t held = __atomic_sub_fetch(&s->held, r->held, __ATOMIC_RELAXED);
        counter_set(&http_counters[HTTP_HELD], held);
    }
}

void budget_cut_off(struct http_server *s)
{
    int64_t now = g_get_monotonic_time();
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    for (GList *l = s->sending.head; l != NULL; l = l->next) {
        struct request *r = l->data;
        if (now >= r->deadline) {
            log_info("http", "a client that took its answer to %s too slowly is cut off", r->path);
            counter_add(&http_counters[HTTP_CUT_OFF], 1);
            shutdown(request_socket(r), SHUT_RDWR); /* its thread sees the end and frees it */
            r->deadline = INT64_MAX;
        }
    }
}
