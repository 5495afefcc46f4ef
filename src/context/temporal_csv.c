/* SPDX-License-Identifier: Apache-2.0 */
/* An entity's history as CSV for spreadsheets: one row a moment, one column a series; streamed, so that its
 * length does not matter. */
#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "context/temporal_query.h"

enum {
    PULL = 4096,        /* points read at once from a series */
    BUFFER = 256 << 10, /* bytes waiting for the socket */
    MAX_EXPORTS = 16,   /* at once; each has a thread */
};

/* A series being read in steps. */
struct column {
    struct history_series series;
    GArray *points; /* struct temporal_point with texts of its own */
    guint next;
    instant from; /* where the next step begins */
    bool ended;
};

struct export
{
    gint references; /* the stream and the thread */
    GMutex lock;
    GCond room;
    GString *text; /* waiting to be sent */
    bool finished, closed;
    struct stream *stream;
    struct space *space; /* a reference */
    char *id;
    struct column *columns;
    int count;
    instant to;
};
static gint exports;

static void points_clear(gpointer data)
{
    g_free((gpointer)((struct temporal_point *)data)->text);
}

static void export_unref(struct export *x)
{
    if (!g_atomic_int_dec_and_test(&x->references)) {
        return;
    }
    for (int i = 0; i < x->count; i++) {
        g_array_unref(x->columns[i].points);
        g_free((gpointer)x->columns[i].series.attribute);
        g_free((gpointer)x->columns[i].series.dataset);
    }
    g_free(x->columns);
    space_unref(x->space);
    g_free(x->id);
    g_string_free(x->text, TRUE);
    g_mutex_clear(&x->lock);
    g_cond_clear(&x->room);
    g_free(x);
    g_atomic_int_dec_and_test(&exports);
}

/* ---- cells ---- */

static void append_value(GString *row, const struct temporal_point *p)
{
    if (p->is_number) {
        struct json number = {.type = JSON_DOUBLE, .number = p->number};
        g_autoptr(GString) text = g_string_new(NULL);
        json_write(text, &number);
        table_cell(row, text->str);
        return;
    }
    arena_auto a = arena_new();
    const struct json *value = json_parse(a, p->text, strlen(p->text), NULL);
    table_cell(row, json_is(value, JSON_STRING) ? value->string : p->text);
}

/* ---- reading in steps ---- */

static bool take_point(void *user, const struct history_point *p)
{
    struct column *c = user;
    struct temporal_point kept = {p->at, p->is_number, p->number, p->is_number ? NULL : g_strdup(p->text)};
    g_array_append_val(c->points, kept);
    c->from = p->at + 1;
    return c->points->len < PULL;
}

/* The next point of a column, NULL at its end. */
static const struct temporal_point *peek(struct export *x, struct column *c, struct error *e)
{
    if (c->next == c->points->len && !c->ended) {
        g_array_set_size(c->points, 0);
        c->next = 0;
        if (!store_history_points(x->space->store, x->id, c->series.attribute, c->series.dataset, c->from,
                                  x->to, false, take_point, c, e)) {
            return NULL;
        }
        c->ended = c->points->len < PULL;
    }
    return c->next < c->points->len ? &g_array_index(c->points, struct temporal_point, c->next) : NULL;
}

/* Appends the row of the earliest moment; false at the end. */
static bool append_row(struct export *x, GString *row, struct error *e)
{
    instant at = INSTANT_MAX;
    char text[INSTANT_TEXT];
    bool any = false;
    for (int i = 0; i < x->count && e->code == ERROR_NONE; i++) {
        const struct temporal_point *p = peek(x, &x->columns[i], e);
        at = p != NULL ? MIN(at, p->at) : at;
        any |= p != NULL;
    }
    if (!any || e->code != ERROR_NONE) {
        return false;
    }
    table_cell(row, instant_format(at, text));
    for (int i = 0; i < x->count; i++) {
        struct column *c = &x->columns[i];
        if (c->next < c->points->len && g_array_index(c->points, struct temporal_point, c->next).at == at) {
            append_value(row, &g_array_index(c->points, struct temporal_point, c->next++));
        } else {
            table_cell(row, NULL);
        }
    }
    table_end(row);
    return true;
}

/* Hands a piece over; false when nobody wants more. */
static bool hand_over(struct export *x, GString *piece)
{
    g_mutex_lock(&x->lock);
    while (x->text->len > BUFFER && !x->closed) {
        g_cond_wait(&x->room, &x->lock);
    }
    bool open = !x->closed;
    g_string_append_len(x->text, piece->str, (gssize)piece->len);
    if (open) {
        stream_wake(x->stream);
    }
    g_mutex_unlock(&x->lock);
    g_string_truncate(piece, 0);
    return open;
}

static void *run_export(void *user)
{
    struct export *x = user;
    struct error e = {0};
    g_autoptr(GString) piece = g_string_new("");
    bool more = true;
    while (more) {
        more = append_row(x, piece, &e);
        if (piece->len >= 16 << 10 || !more) {
            more = hand_over(x, piece) && more;
        }
    }
    if (e.code != ERROR_NONE) {
        log_failure("temporal", "export a history", &e);
    }
    g_mutex_lock(&x->lock);
    x->finished = true;
    if (!x->closed) {
        stream_wake(x->stream);
    }
    g_mutex_unlock(&x->lock);
    export_unref(x);
    return NULL;
}

/* ---- the stream ---- */

static ssize_t produce(void *user, char *buffer, size_t max)
{
    struct export *x = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&x->lock);
    size_t n = MIN(max, x->text->len);
    memcpy(buffer, x->text->str, n);
    g_string_erase(x->text, 0, (gssize)n);
    g_cond_signal(&x->room);
    return n > 0 ? (ssize_t)n : x->finished ? -1 : 0;
}

static void closed(void *user)
{
    struct export *x = user;
    g_mutex_lock(&x->lock);
    x->closed = true;
    g_cond_signal(&x->room);
    g_mutex_unlock(&x->lock);
    export_unref(x);
}

static void append_header(struct export *x, const struct render *r)
{
    table_cell(x->text, "time");
    for (int i = 0; i < x->count; i++) {
        const struct history_series *s = &x->columns[i].series;
        const char *name = r->ctx != NULL ? ld_compact(r->ctx, r->arena, s->attribute) : s->attribute;
        g_autofree char *title = g_strconcat(name, *s->dataset != '\0' ? "#" : "", s->dataset, NULL);
        table_cell(x->text, title);
    }
    table_end(x->text);
}

static bool wanted(const struct temporal_query *q, const struct history_series *s)
{
    bool right_time = q->property == TEMPORAL_EITHER || s->observed == (q->property == TEMPORAL_OBSERVED);
    return right_time && temporal_query_shows(q, s->attribute);
}

static struct export *export_new(struct call *c, const struct temporal_query *q, const char *id,
                                 struct error *e)
{
    struct history_series *all;
    int count;
    if (!store_history_list(c->space->store, c->arena, id, &all, &count, e)) {
        return NULL;
    }
    struct export *x = g_new0(struct export, 1);
    g_atomic_int_inc(&exports);
    x->references = 1;
    g_mutex_init(&x->lock);
    g_cond_init(&x->room);
    x->text = table_new();
    x->space = space_ref(c->space);
    x->id = g_strdup(id);
    x->to = q->to;
    x->columns = g_new0(struct column, (gsize)count);
    for (int i = 0; i < count; i++) {
        if (wanted(q, &all[i])) {
            struct column *column = &x->columns[x->count++];
            column->series.attribute = g_strdup(all[i].attribute);
            column->series.dataset = g_strdup(all[i].dataset);
            column->from = q->from;
            column->points = g_array_new(FALSE, FALSE, sizeof(struct temporal_point));
            g_array_set_clear_func(column->points, points_clear);
        }
    }
    append_header(x, &q->render);
    return x;
}

static bool check(const struct temporal_query *q, struct error *e)
{
    if (q->last_n > 0 || q->format == TEMPORAL_AGGREGATED) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "CSV holds all points of a range: no lastN, no aggregation",
                         "CSV 导出区间内的全部数据：不支持 lastN 和聚合");
    }
    return g_atomic_int_get(&exports) < MAX_EXPORTS ||
           error_set(e, ERROR_TOO_MANY_REQUESTS, "%d exports are running: try again later",
                     "已有 %d 个导出在进行：请稍后再试", MAX_EXPORTS);
}

bool temporal_csv(struct call *c, const struct temporal_query *q, const char *id, struct error *e)
{
    struct export *x = check(q, e) ? export_new(c, q, id, e) : NULL;
    if (x == NULL) {
        return false;
    }
    if (x->count == 0) {
        export_unref(x);
        return error_set(e, ERROR_NOT_FOUND, "No history of %s", "没有 %s 的历史", id);
    }
    g_autofree char *name = g_uri_escape_string(id, NULL, FALSE);
    reply_header(c->request, "Content-Disposition",
                 arena_printf(c->arena, "attachment; filename*=UTF-8''%s.csv", name));
    x->references++; /* the thread's */
    x->stream = reply_stream(c->request, "text/csv; charset=utf-8; header=present", produce, closed, x);
    if (x->stream == NULL) {
        x->references = 1;
        export_unref(x);
        return true;
    }
    g_thread_unref(g_thread_new("export", run_export, x));
    return true;
}
