/* SPDX-License-Identifier: Apache-2.0 */
/* Live changes for browsers: each connection reads the shared log at its own pace.
 *
 * A connection holds a cursor and at most one piece of text. It is asked for more only when its socket has
 * room, so a slow reader falls behind in the log instead of filling memory; when its place has been pruned it
 * is told to reset. */
#include "context/subscriptions/stream.h"

#include <string.h>

#include "base/counters.h"
#include "base/log.h"
#include "context/subscriptions/stream_filter.h"
#include "context/subscriptions/stream_frame.h"
#include "context/subscriptions/stream_pump.h"

enum {
    PIECE = 64 << 10,       /* bytes of text gathered before they are sent */
    RECORDS_AT_ONCE = 5000, /* records looked at before the thread serves others */
};

enum { COUNT_BYTES, COUNT_RESETS };
static struct counter counters[] = {
    {"zhongshu_stream_bytes_total", COUNTER_COUNTER, "Bytes of live changes sent", "已推送的实时变更字节数"},
    {"zhongshu_stream_resets_total", COUNTER_COUNTER, "Live connections told to reload",
     "被要求重新加载的实时连接数"},
};

struct connection {
    struct pumped pumped;
    struct stream_filter *filter;
    uint64_t after; /* the last record dealt with */
    GString *text;
    size_t sent; /* bytes of text */
};

static struct store *store;

/* ---- filling ---- */

static void restart_from_end(struct connection *c)
{
    c->after = store_log_end(store);
    counter_add(&counters[COUNT_RESETS], 1);
    g_string_append_printf(c->text, "id: %" G_GUINT64_FORMAT "\nevent: reset\ndata: {}\n\n", c->after);
}

/* Takes the records of one batch that follow the cursor. */
static void take_batch(struct connection *c, struct log_batch *batch, int *looked)
{
    struct stream_frame *f = stream_frame_of(batch);
    const struct log_batch *b = stream_frame_batch(f);
    uint64_t end = b->first + (uint64_t)b->count;
    for (uint64_t seq = MAX(c->after + 1, b->first); seq < end && c->text->len < PIECE; seq++, (*looked)++) {
        int i = (int)(seq - b->first);
        if (stream_filter_takes(c->filter, store, b->records[i])) {
            stream_frame_append(f, i, c->text);
        }
        c->after = seq;
    }
    stream_frame_unref(f);
}

/* Gathers the next piece of text; false when the connection must end. */
static bool fill(struct connection *c)
{
    int looked = 0;
    while (c->text->len < PIECE && looked < RECORDS_AT_ONCE) {
        struct error e = {0};
        struct log_batch *b = store_log_read(store, c->after, &e);
        if (b != NULL) {
            take_batch(c, b, &looked);
        } else if (e.code == ERROR_NOT_FOUND) {
            restart_from_end(c);
        } else if (e.code != ERROR_NONE) {
            log_failure("stream", "read the log", &e);
            return false;
        } else {
            break;
        }
    }
    if (looked >= RECORDS_AT_ONCE) {
        stream_wake(c->pumped.stream); /* more to look at, after the others */
    }
    return true;
}

static void add_heartbeat(struct connection *c)
{
    if (g_atomic_int_compare_and_exchange(&c->pumped.heartbeat, 1, 0) && c->text->len == 0) {
        g_string_append_printf(c->text, ": %d s\nid: %" G_GUINT64_FORMAT "\n\n", STREAM_HEARTBEAT_S,
                               c->after);
    }
}

static ssize_t produce(void *user, char *buffer, size_t max)
{
    struct connection *c = user;
    if (c->sent == c->text->len) {
        g_string_truncate(c->text, 0);
        c->sent = 0;
    }
    if (c->text->len == 0) {
        if (!fill(c)) {
            return -1;
        }
        add_heartbeat(c);
    }
    size_t n = MIN(max, c->text->len - c->sent);
    memcpy(buffer, c->text->str + c->sent, n);
    c->sent += n;
    if (n > 0) {
        c->pumped.last_sent = g_get_monotonic_time();
        counter_add(&counters[COUNT_BYTES], (int64_t)n);
    }
    return (ssize_t)n;
}

/* ---- connections come and go ---- */

static void connection_free(struct connection *c)
{
    stream_filter_free(c->filter);
    g_string_free(c->text, TRUE);
    g_free(c);
}

static void closed(void *user)
{
    struct connection *c = user;
    stream_pump_remove(&c->pumped);
    connection_free(c);
}

/* The place to go on from: ?after=, else Last-Event-ID, else none. */
static bool read_after(struct request *r, bool *given, uint64_t *after, struct error *e)
{
    const char *text = request_query(r, "after");
    text = text != NULL ? text : request_header(r, "Last-Event-ID");
    guint64 n;
    *given = text != NULL && *text != '\0';
    if (*given && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &n, NULL)) {
        return error_set(e, ERROR_INVALID_REQUEST,
                         "after and Last-Event-ID are numbers of a change, not \"%.50s\"",
                         "after 和 Last-Event-ID 应为变更的序号，而不是“%.50s”", text);
    }
    *after = *given ? n : 0;
    return true;
}

static void begin(struct connection *c, bool given, uint64_t after)
{
    uint64_t end = store_log_end(store);
    g_string_append(c->text, "retry: 2000\n\n");
    c->after = given ? after : end;
    if (!given) {
        g_string_append_printf(
            c->text, "id: %" G_GUINT64_FORMAT "\nevent: hello\ndata: {\"seq\":%" G_GUINT64_FORMAT "}\n\n",
            end, end);
    } else if (after > end) {
        restart_from_end(c); /* a number of another log: this one was restored or begun anew */
    }
}

static void get_stream(struct request *r)
{
    struct error e = {0};
    bool given = false;
    uint64_t after = 0;
    struct stream_filter *filter = stream_filter_new(r, &e);
    if (filter == NULL || !read_after(r, &given, &after, &e)) {
        stream_filter_free(filter);
        reply_error(r, &e);
        return;
    }
    struct connection *c = g_new0(struct connection, 1);
    c->filter = filter;
    c->text = g_string_new("");
    c->pumped.last_sent = g_get_monotonic_time();
    begin(c, given, after);
    reply_header(r, "Cache-Control", "no-store");
    c->pumped.stream = reply_stream(r, "text/event-stream; charset=utf-8", produce, closed, c);
    if (c->pumped.stream == NULL) {
        connection_free(c);
        return;
    }
    stream_pump_add(&c->pumped);
}

const struct route stream_routes[] = {
    {"GET", "/api/v1/stream", "", get_stream,
     "Live changes as server-sent events; filters: type, id, bbox; resumes by Last-Event-ID or ?after=",
     "实时变更（服务器推送事件）；可按 type、id、bbox 过滤；用 Last-Event-ID 或 ?after= 续传", 0},
    {NULL},
};

void stream_start(struct store *s)
{
    counters_register(counters, G_N_ELEMENTS(counters));
    store = s;
    stream_pump_start(s);
}

void stream_stop(void)
{
    stream_pump_stop();
    stream_frames_clear();
    stream_places_clear();
}
