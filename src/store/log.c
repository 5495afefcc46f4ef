/* SPDX-License-Identifier: Apache-2.0 */
/* The change log as its readers see it: the newest runs in memory, shared and parsed once; older ones from
 * disk. */
#include <string.h>
#include <zstd.h>

#include "store/private.h"

/* Text of runs kept in memory for readers that are nearly up to date. */
enum { TAIL_BYTES = 8 << 20, TAIL_RUNS = 1024, MAX_WATCHERS = 16 };

/* A batch with what is behind it. */
struct run {
    struct log_batch batch; /* first: a log_batch pointer is a run pointer */
    gint references;
    GMutex lock;
    bool parsed;
    GString *text;
    struct arena *arena;
};

struct watcher {
    void (*woken)(void *user);
    void *user;
};

struct log_tail {
    struct store *store;
    GMutex lock;
    GCond grown;
    GQueue runs; /* of struct run *, oldest first */
    size_t bytes;
    uint64_t start, end;
    unsigned nudges;
    struct watcher watchers[MAX_WATCHERS];
    int watcher_count;
};

struct log_tail *log_tail_new(struct store *s, uint64_t start, uint64_t end)
{
    struct log_tail *t = g_new0(struct log_tail, 1);
    t->store = s;
    t->start = start;
    t->end = end;
    g_mutex_init(&t->lock);
    g_cond_init(&t->grown);
    g_queue_init(&t->runs);
    return t;
}

static struct run *run_new(uint64_t first, int count, GString *text)
{
    struct run *r = g_new0(struct run, 1);
    r->batch.first = first;
    r->batch.count = count;
    r->references = 1;
    r->text = text;
    g_mutex_init(&r->lock);
    return r;
}

void log_batch_unref(struct log_batch *b)
{
    struct run *r = (struct run *)b;
    if (r == NULL || !g_atomic_int_dec_and_test(&r->references)) {
        return;
    }
    if (r->text != NULL) {
        g_string_free(r->text, TRUE);
    }
    arena_free(r->arena);
    g_mutex_clear(&r->lock);
    g_free(r);
}

void log_tail_free(struct log_tail *t)
{
    if (t == NULL) {
        return;
    }
    for (struct run *r; (r = g_queue_pop_head(&t->runs)) != NULL;) {
        log_batch_unref(&r->batch);
    }
    g_mutex_clear(&t->lock);
    g_cond_clear(&t->grown);
    g_free(t);
}

void log_tail_push(struct log_tail *t, uint64_t first, int count, GString *text)
{
    g_mutex_lock(&t->lock);
    g_queue_push_tail(&t->runs, run_new(first, count, text));
    t->bytes += text->len;
    t->end = first + (uint64_t)count - 1;
    while (t->runs.length > 1 && (t->bytes > TAIL_BYTES || t->runs.length > TAIL_RUNS)) {
        struct run *old = g_queue_pop_head(&t->runs);
        t->bytes -= MIN(t->bytes, old->text != NULL ? old->text->len : 0);
        log_batch_unref(&old->batch);
    }
    g_cond_broadcast(&t->grown);
    int watchers = t->watcher_count;
    g_mutex_unlock(&t->lock);
    for (int i = 0; i < watchers; i++) {
        t->watchers[i].woken(t->watchers[i].user);
    }
}

void log_tail_pruned(struct log_tail *t, uint64_t start)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&t->lock);
    t->start = start;
}

/* ---- packing: one byte of kind, then the text or its zstd frame ---- */

enum { KIND_PLAIN = 0, KIND_ZSTD = 1, PACK_FROM = 200 };

GBytes *log_pack(const GString *text)
{
    if (text->len >= PACK_FROM) {
        size_t room = ZSTD_compressBound(text->len);
        char *packed = g_malloc(room + 1);
        packed[0] = KIND_ZSTD;
        size_t length = ZSTD_compress(packed + 1, room, text->str, text->len, 1);
        if (!ZSTD_isError(length)) {
            return g_bytes_new_take(packed, length + 1);
        }
        g_free(packed);
    }
    char *plain = g_malloc(text->len + 1);
    plain[0] = KIND_PLAIN;
    memcpy(plain + 1, text->str, text->len);
    return g_bytes_new_take(plain, text->len + 1);
}

static GString *unpack(const char *bytes, size_t length)
{
    if (length > 0 && bytes[0] == KIND_PLAIN) {
        return g_string_new_len(bytes + 1, (gssize)(length - 1));
    }
    unsigned long long size =
        length > 1 ? ZSTD_getFrameContentSize(bytes + 1, length - 1) : ZSTD_CONTENTSIZE_ERROR;
    if (length == 0 || bytes[0] != KIND_ZSTD || size > (1ULL << 31)) {
        return NULL;
    }
    GString *text = g_string_sized_new(size + 1);
    size_t got = ZSTD_decompress(text->str, size, bytes + 1, length - 1);
    if (ZSTD_isError(got) || got != size) {
        g_string_free(text, TRUE);
        return NULL;
    }
    g_string_set_size(text, got);
    return text;
}

/* ---- reading ---- */

static bool damaged(uint64_t seq, struct error *e)
{
    return error_set(e, ERROR_INTERNAL, "The change log is damaged at record %" G_GUINT64_FORMAT,
                     "变更日志在第 %" G_GUINT64_FORMAT " 条记录处损坏", seq);
}

/* Parses the lines of a run, once. */
static bool parse_run(struct run *r, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    if (r->parsed) {
        return true;
    }
    struct arena *a = arena_new();
    const struct json **records = arena_array(a, const struct json *, r->batch.count);
    const char *p = r->text->str;
    const char *end = p + r->text->len;
    for (int i = 0; i < r->batch.count; i++) {
        const char *line_end = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        records[i] = line_end != NULL ? json_parse(a, p, (size_t)(line_end - p), e) : NULL;
        if (records[i] == NULL) {
            arena_free(a);
            return damaged(r->batch.first + (uint64_t)i, e);
        }
        p = line_end + 1;
    }
    r->arena = a;
    r->batch.records = records;
    r->parsed = true;
    return true;
}

/* The run in memory that holds record seq, referenced, or NULL. */
static struct run *find_in_memory(struct log_tail *t, uint64_t seq)
{
    for (GList *l = t->runs.tail; l != NULL; l = l->prev) {
        struct run *r = l->data;
        if (r->batch.first <= seq) {
            bool holds = seq < r->batch.first + (uint64_t)r->batch.count;
            if (holds) {
                g_atomic_int_inc(&r->references);
            }
            return holds ? r : NULL;
        }
    }
    return NULL;
}

static struct run *read_from_disk(struct store *s, uint64_t seq, struct error *e)
{
    view_auto v = view_begin(s);
    sqlite3_stmt *st = view_statement(v, LOG_GET);
    sqlite3_bind_int64(st, 1, (int64_t)seq);
    struct run *r = NULL;
    if (sqlite3_step(st) == SQLITE_ROW) {
        uint64_t first = (uint64_t)sqlite3_column_int64(st, 0);
        int count = sqlite3_column_int(st, 1);
        GString *text = unpack(sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2));
        if (text != NULL && seq < first + (uint64_t)count) {
            r = run_new(first, count, text);
        } else if (text != NULL) {
            g_string_free(text, TRUE);
        }
        if (r == NULL) {
            damaged(seq, e);
        }
    } else {
        error_set(e, ERROR_NOT_FOUND, "Record %" G_GUINT64_FORMAT " is no longer in the change log",
                  "变更日志中已没有第 %" G_GUINT64_FORMAT " 条记录", seq);
    }
    sqlite3_reset(st);
    return r;
}

struct log_batch *store_log_read(struct store *s, uint64_t after, struct error *e)
{
    struct log_tail *t = s->tail;
    g_mutex_lock(&t->lock);
    bool none = after >= t->end;
    struct run *r = none ? NULL : find_in_memory(t, after + 1);
    g_mutex_unlock(&t->lock);
    if (none) {
        return NULL;
    }
    if (r == NULL) {
        r = read_from_disk(s, after + 1, e);
    }
    if (r != NULL && !parse_run(r, e)) {
        log_batch_unref(&r->batch);
        return NULL;
    }
    return r != NULL ? &r->batch : NULL;
}

uint64_t store_log_end(struct store *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->tail->lock);
    return s->tail->end;
}

uint64_t store_log_start(struct store *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->tail->lock);
    return s->tail->start;
}

bool store_log_wait(struct store *s, uint64_t after, int timeout_ms)
{
    struct log_tail *t = s->tail;
    gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&t->lock);
    unsigned nudges = t->nudges;
    while (t->end <= after && t->nudges == nudges) {
        if (!g_cond_wait_until(&t->grown, &t->lock, until)) {
            break;
        }
    }
    return t->end > after;
}

void store_log_nudge(struct store *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->tail->lock);
    s->tail->nudges++;
    g_cond_broadcast(&s->tail->grown);
}

void store_log_watch(struct store *s, void (*woken)(void *user), void *user)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->tail->lock);
    g_assert(s->tail->watcher_count < MAX_WATCHERS);
    s->tail->watchers[s->tail->watcher_count++] = (struct watcher){woken, user};
}
