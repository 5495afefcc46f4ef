/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/subscriptions/{id}/stream: a subscription with the endpoint "sse:", read as server-sent events.
 *
 * Each connection has a place of its own in the log, which the client keeps (Last-Event-ID): nobody waits for
 * it, and it holds at most one message. */
#include <string.h>

#include "base/counters.h"
#include "context/subscriptions/stream_pump.h"
#include "context/subscriptions/subscription_state.h"
#include "context/subscriptions/turn.h"

enum { TURNS_AT_ONCE = 5 };

struct reader {
    struct pumped pumped;
    struct space *space;    /* a reference */
    struct subscription *s; /* its own copy */
    uint64_t after;         /* dealt with up to this record */
    uint64_t told;          /* the client knows this place */
    GString *text;
    size_t sent; /* bytes of text */
};

/* Is the subscription still there, active and the same? */
static bool still_holds(const struct reader *c)
{
    subscription_auto now = notifier_find(c->space->notifier, c->s->id);
    return now != NULL && now->active && now->modified == c->s->modified &&
           !(now->expires_known && now->expires <= instant_now());
}

static void append_event(struct reader *c, const char *event, const char *data, size_t length)
{
    g_string_append_printf(c->text, "id: %" G_GUINT64_FORMAT "\nevent: %s\ndata: ", c->after, event);
    g_string_append_len(c->text, data, (gssize)length);
    g_string_append(c->text, "\n\n");
    c->told = c->after;
}

static void take_turn(struct reader *c, struct turn *t)
{
    c->after = t->cursor;
    if (t->lost_to != 0) {
        append_event(c, "reset", "{}", 2);
    }
    if (t->texts->len > 0) {
        g_autofree char *data = turn_data(t);
        g_autoptr(GString) message = notification_message(c->s, data);
        append_event(c, "notification", message->str, message->len);
        notifier_count_streamed(c->space->notifier, c->s->id);
    }
}

/* Gathers the next message, if there is one. */
static void fill(struct reader *c)
{
    uint64_t before = c->after;
    for (int i = 0; i < TURNS_AT_ONCE && c->text->len == 0; i++) {
        struct turn t;
        turn_init(&t, c->space->store, c->s, c->after);
        turn_read_log(&t);
        take_turn(c, &t);
        turn_clear(&t);
        if (c->after == before) {
            return;
        }
        before = c->after;
    }
    if (c->text->len == 0) {
        stream_wake(c->pumped.stream); /* more to look at, after the others */
    }
}

static void add_heartbeat(struct reader *c)
{
    if (g_atomic_int_compare_and_exchange(&c->pumped.heartbeat, 1, 0) && c->text->len == 0) {
        g_string_append_printf(c->text, ": %d s\nid: %" G_GUINT64_FORMAT "\n\n", STREAM_HEARTBEAT_S,
                               c->after);
    }
}

static ssize_t produce(void *user, char *buffer, size_t max)
{
    struct reader *c = user;
    if (c->sent == c->text->len) {
        g_string_truncate(c->text, 0);
        c->sent = 0;
    }
    if (c->text->len == 0) {
        if (!still_holds(c)) {
            return -1;
        }
        fill(c);
        add_heartbeat(c);
    }
    size_t n = MIN(max, c->text->len - c->sent);
    memcpy(buffer, c->text->str + c->sent, n);
    c->sent += n;
    if (n > 0) {
        c->pumped.last_sent = g_get_monotonic_time();
    }
    return (ssize_t)n;
}

static void reader_free(struct reader *c)
{
    subscription_unref(c->s);
    space_unref(c->space);
    g_string_free(c->text, TRUE);
    g_free(c);
}

static void closed(void *user)
{
    struct reader *c = user;
    stream_pump_remove(&c->pumped);
    reader_free(c);
}

/* Where to begin: after the client's last event, else at the end of the log. */
static bool read_after(struct request *r, struct reader *c, struct error *e)
{
    const char *text = request_query_text(r, "after");
    uint64_t end = store_log_end(c->space->store);
    guint64 n = end;
    text = text != NULL ? text : request_header(r, "Last-Event-ID");
    bool given = text != NULL && *text != '\0';
    if (given && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &n, NULL)) {
        return error_set(e, ERROR_INVALID_REQUEST,
                         "after and Last-Event-ID are numbers of a change, not \"%.50s\"",
                         "after 和 Last-Event-ID 应为变更的序号，而不是“%.50s”", text);
    }
    c->after = MIN(n, end);
    g_string_append(c->text, "retry: 2000\n\n");
    if (!given || n > end) { /* a number of another log: this one was restored or begun anew */
        append_event(c, given ? "reset" : "hello", "{}", 2);
    }
    return true;
}

static struct reader *reader_new(struct request *r, struct error *e)
{
    struct reader *c = g_new0(struct reader, 1);
    c->text = g_string_new("");
    c->pumped.last_sent = g_get_monotonic_time();
    c->space = subscription_space(r, e);
    c->s = c->space != NULL ? subscription_copy(c->space->notifier, request_param(r, "id"), e) : NULL;
    if (c->s != NULL && !c->s->endpoint.sse) {
        error_set(e, ERROR_BAD_REQUEST_DATA,
                  "The notifications of this subscription go to %s: only one with the endpoint sse: can be "
                  "read here",
                  "该订阅的通知发往 %s：只有端点为 sse: 的订阅才能在此读取",
                  subscription_shown_uri(request_arena(r), c->s));
    } else if (c->s != NULL && !still_holds(c)) {
        error_set(e, ERROR_CONFLICT, "The subscription is paused or has expired", "该订阅已暂停或已过期");
    } else if (c->s != NULL) {
        read_after(r, c, e);
    }
    c->pumped.polled = c->space != NULL && c->space->kind != SPACE_DEFAULT;
    if (e->code != ERROR_NONE) {
        reader_free(c);
        return NULL;
    }
    return c;
}

void subscription_stream(struct request *r)
{
    struct error e = {0};
    struct reader *c = reader_new(r, &e);
    if (c == NULL) {
        reply_error(r, &e);
        return;
    }
    reply_header(r, "Cache-Control", "no-store");
    c->pumped.stream = reply_stream(r, "text/event-stream; charset=utf-8", produce, closed, c);
    if (c->pumped.stream == NULL) {
        reader_free(c);
        return;
    }
    stream_pump_add(&c->pumped);
}
