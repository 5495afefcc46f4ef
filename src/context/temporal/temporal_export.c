/* SPDX-License-Identifier: Apache-2.0 */
/* Histories as files: a thread for each makes pieces, the stream takes them; only a few pieces are in memory.
 */
#include "context/temporal/temporal_export.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"

enum {
    PIECE = 16 << 10,
    BUFFER = 256 << 10, /* bytes waiting for the socket */
};

/* One export under way; the stream and the thread each hold a reference. */
struct export
{
    gint references;
    GMutex lock;
    GCond room;
    GString *waiting; /* to be sent */
    bool finished, failed, closed;
    struct stream *stream;
    struct export_plan *plan;
    GIConv converter; /* to GB18030, or (GIConv)-1 */
};
static gint exports;

static void export_unref(struct export *x)
{
    if (!g_atomic_int_dec_and_test(&x->references)) {
        return;
    }
    export_plan_free(x->plan);
    g_string_free(x->waiting, TRUE);
    g_mutex_clear(&x->lock);
    g_cond_clear(&x->room);
    if (x->converter != (GIConv)-1) {
        g_iconv_close(x->converter);
    }
    g_free(x);
    g_atomic_int_add(&exports, -1);
}

/* ---- the thread ---- */

/* Hands a piece over, which is empty then; false when nobody wants more, or the reader is too slow. */
static bool hand_over(struct export *x, GString *piece, struct error *e)
{
    gsize length = piece->len;
    g_autofree char *converted = x->plan->gb18030 ? g_convert_with_iconv(piece->str, (gssize)piece->len,
                                                                         x->converter, NULL, &length, NULL)
                                                  : NULL;
    gint64 until = g_get_monotonic_time() + LIMIT_REPLY_SECONDS * G_TIME_SPAN_SECOND;
    g_mutex_lock(&x->lock);
    while (x->waiting->len > BUFFER && !x->closed && g_cond_wait_until(&x->room, &x->lock, until)) {
    }
    bool slow = x->waiting->len > BUFFER && !x->closed;
    bool open = !slow && !x->closed;
    if (open) {
        g_string_append_len(x->waiting, x->plan->gb18030 ? converted : piece->str, (gssize)length);
        stream_wake(x->stream);
    }
    g_mutex_unlock(&x->lock);
    g_string_truncate(piece, 0);
    return open || (slow && error_set(e, ERROR_UNAVAILABLE, "The client takes the export too slowly",
                                      "客户端接收导出内容过慢"));
}

static bool write_entity(struct export *x, struct export_text *t, const struct json *entity, struct error *e)
{
    struct export_row row;
    struct export_rows *rows = export_rows_new(x->plan, json_get_string(entity, "id"), e);
    bool open = rows != NULL;
    if (open) {
        export_entity(t, entity);
    }
    while (open && export_rows_next(rows, &row, e)) {
        export_row(t, &row);
        open = t->out->len < PIECE || hand_over(x, t->out, e);
    }
    export_rows_free(rows);
    return open && e->code == ERROR_NONE;
}

static bool write_all(struct export *x, struct export_text *t, struct error *e)
{
    bool more = true;
    export_begin(t);
    while (more) {
        arena_auto a = arena_new();
        const struct json *entity = export_next_entity(x->plan, a);
        if (entity == NULL) {
            break;
        }
        more = write_entity(x, t, entity, e);
    }
    if (more) {
        export_end(t);
        more = hand_over(x, t->out, e);
    }
    g_free(t->geometry);
    return more;
}

static void *run_export(void *user)
{
    struct export *x = user;
    struct error e = {0};
    g_autoptr(GString) piece = g_string_new(NULL);
    struct export_text text = {.plan = x->plan, .out = piece};
    bool whole = write_all(x, &text, &e);
    if (e.code != ERROR_NONE) {
        log_failure("temporal", "export a history", &e);
    }
    g_mutex_lock(&x->lock);
    x->finished = true;
    x->failed = !whole;
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
    size_t n = MIN(max, x->waiting->len);
    memcpy(buffer, x->waiting->str, n);
    g_string_erase(x->waiting, 0, (gssize)n);
    g_cond_signal(&x->room);
    return n > 0 ? (ssize_t)n : !x->finished ? 0 : x->failed ? STREAM_BROKEN_OFF : -1;
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

/* ---- names of files ---- */

/* "history-AirQualityObserved-a1-20260301.csv", in the client's language; other letters than these go. */
static void name_file(struct temporal_job *j, const struct export_plan *p)
{
    char day[INSTANT_TEXT];
    struct arena *a = j->call.arena;
    const char *subject = j->id != NULL ? j->id : request_query(j->call.request, "type");
    subject = subject != NULL ? subject : "";
    subject += g_str_has_prefix(subject, "urn:ngsi-ld:") ? strlen("urn:ngsi-ld:") : 0;
    g_autoptr(GString) safe = g_string_new(NULL);
    for (const char *c = subject; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar letter = g_utf8_get_char(c);
        g_string_append_unichar(safe, g_unichar_isalnum(letter) || letter == '_' ? letter : '-');
    }
    g_string_truncate(
        safe, (gsize)(g_utf8_find_prev_char(safe->str, safe->str + MIN(safe->len, 100) + 1) - safe->str));
    instant_format(instant_now(), day);
    g_autofree char *date = g_strdup_printf("%.4s%.2s%.2s", day, day + 5, day + 8);
    g_autofree char *name = g_strdup_printf("%s-%s%s%s.%s", p->chinese ? "历史数据" : "history", safe->str,
                                            safe->len > 0 ? "-" : "", date, export_formats[p->format]);
    g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);
    reply_header(j->call.request, "Content-Disposition",
                 arena_printf(a, "attachment; filename=\"history-%s.%s\"; filename*=UTF-8''%s", date,
                              export_formats[p->format], escaped));
}

/* ---- starting ---- */

static bool take_place(struct error *e)
{
    if (g_atomic_int_add(&exports, 1) < LIMIT_EXPORTS) {
        return true;
    }
    g_atomic_int_add(&exports, -1);
    return error_set(e, ERROR_TOO_MANY_REQUESTS, "%d exports are running: try again later",
                     "已有 %d 个导出在进行：请稍后再试", LIMIT_EXPORTS);
}

static void start(struct temporal_job *j, struct export_plan *p)
{
    struct export *x = g_new0(struct export, 1);
    *x = (struct export){.references = 2, .waiting = g_string_new(NULL), .plan = p};
    x->converter = p->gb18030 ? g_iconv_open("GB18030", "UTF-8") : (GIConv)-1;
    g_mutex_init(&x->lock);
    g_cond_init(&x->room);
    name_file(j, p);
    x->stream = reply_stream(j->call.request, export_content_type(p), produce, closed, x);
    if (x->stream == NULL) {
        export_unref(x);
        export_unref(x);
        return;
    }
    g_thread_unref(g_thread_new("export", run_export, x));
}

/* How the file is to be, by parameters. */
struct choices {
    enum export_format format;
    bool gb18030, local;
    int zone_minutes;
};

static bool work_export(struct temporal_job *j, struct error *e)
{
    const struct choices *choices = j->choices;
    if (!take_place(e)) {
        return false;
    }
    struct export_plan *p = export_plan_new(j, choices->format, e);
    if (p == NULL) {
        g_atomic_int_add(&exports, -1);
        return false;
    }
    p->gb18030 = choices->gb18030;
    p->local = choices->local;
    p->zone_minutes = choices->zone_minutes;
    start(j, p);
    return true;
}

static void read_format(struct call *c, struct choices *out)
{
    const char *format = request_query(c->request, "format");
    for (int i = 0; format != NULL && export_formats[i] != NULL; i++) {
        if (strcmp(format, export_formats[i]) == 0) {
            out->format = (enum export_format)i;
        }
    }
}

static bool read_charset(struct call *c, struct choices *out, struct error *e)
{
    const char *charset = request_query(c->request, "charset");
    out->gb18030 = charset != NULL && g_ascii_strcasecmp(charset, "gb18030") == 0;
    bool known = charset == NULL || out->gb18030 || g_ascii_strcasecmp(charset, "utf-8") == 0;
    return (known && !(out->gb18030 && out->format != EXPORT_CSV)) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "charset is utf-8, or gb18030 for format=csv",
                     "charset 可用 utf-8；format=csv 时也可用 gb18030");
}

/* zone=+08:00: the times of a table as people write them there. */
static bool read_zone(struct call *c, struct choices *out, struct error *e)
{
    const char *zone = request_query(c->request, "zone");
    int hours = 0, minutes = 0;
    char sign = '+', rest = '\0';
    if (zone == NULL) {
        return true;
    }
    /* a plus sign that was not escaped has become a space */
    if (sscanf(zone, "%c%2d:%2d%c", &sign, &hours, &minutes, &rest) != 3 || strchr("+- ", sign) == NULL ||
        hours < 0 || hours > 14 || minutes < 0 || minutes > 59 || out->format != EXPORT_CSV) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "zone is written +08:00, and goes with format=csv",
                         "zone 写作 +08:00，且仅用于 format=csv");
    }
    out->local = true;
    out->zone_minutes = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

static struct temporal_job *export_job(struct call *c, struct error *e)
{
    struct choices *choices = arena_new0(c->arena, struct choices);
    struct temporal_job *j = temporal_job_new(c, work_export);
    j->choices = choices;
    read_format(c, choices);
    if (read_charset(c, choices, e) && read_zone(c, choices, e) && temporal_query_read(&j->q, c, false, e)) {
        return j;
    }
    temporal_job_free(j);
    return NULL;
}

bool temporal_export_many(struct call *c, struct error *e)
{
    struct temporal_job *j = export_job(c, e);
    if (j == NULL) {
        return false;
    }
    if (!temporal_select_parameters(j, e)) {
        temporal_job_free(j);
        return false;
    }
    temporal_job_submit(j);
    return true;
}

bool temporal_export_one(struct call *c, struct error *e)
{
    const char *id = call_id(c, e);
    struct temporal_job *j = id != NULL ? export_job(c, e) : NULL;
    if (j == NULL) {
        return false;
    }
    j->id = id;
    temporal_job_submit(j);
    return true;
}

bool temporal_export_csv(struct call *c, const struct temporal_query *q, const char *id, struct error *e)
{
    if (q->last_n > 0 || q->format == TEMPORAL_AGGREGATED) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "CSV holds all points of a range: no lastN, no aggregation",
                         "CSV 导出区间内的全部数据：不支持 lastN 和聚合");
    }
    struct temporal_job *j = temporal_job_new(c, work_export);
    j->choices = arena_new0(c->arena, struct choices);
    j->q = *q;
    j->id = id;
    temporal_job_submit(j);
    return true;
}
