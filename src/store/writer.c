/* SPDX-License-Identifier: Apache-2.0 */
/* The single writer: takes the jobs that wait, runs each in a savepoint, and commits them together with one
 * fsync. */
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "store/private.h"

/* One commit takes jobs until it holds this many records or bytes, so that it stays short. */
enum { GROUP_RECORDS = 4096, GROUP_BYTES = 8 << 20, PRUNE_EVERY = 64, PROBE_US = 500000 };

struct txn {
    struct view *view;
    instant now;
    uint64_t next; /* seq of the next record */
    int count;     /* records so far */
    GString *text; /* the records, one a line */
    void *attached;
    bool (*flush)(struct txn *t, void *data, struct error *e);
    void (*release)(void *data);
};

struct writer {
    struct store *store;
    struct view *view;
    GThread *thread;
    GMutex lock;
    GCond work;
    GCond room;
    struct store_job *first, *last;
    int waiting, room_for;
    bool stopping;
    struct error trouble; /* why the disk refused the last write, under the lock; ERROR_NONE = it did not */
    instant last_time;
    uint64_t end; /* last durable record */
    int commits_since_prune;
};

struct view *txn_view(struct txn *t)
{
    return t->view;
}

instant txn_now(struct txn *t)
{
    return t->now;
}

void txn_attach(struct txn *t, void *data, bool (*flush)(struct txn *t, void *data, struct error *e),
                void (*release)(void *data))
{
    g_assert(t->attached == NULL);
    t->attached = data;
    t->flush = flush;
    t->release = release;
}

void *txn_attached(struct txn *t)
{
    return t->attached;
}

uint64_t txn_log(struct txn *t, const char *record, size_t length)
{
    g_string_append_len(t->text, record, (gssize)length);
    g_string_append_c(t->text, '\n');
    t->count++;
    return t->next++;
}

static void detach(struct txn *t)
{
    if (t->attached != NULL) {
        t->release(t->attached);
        t->attached = NULL;
    }
}

/* Runs one job; what it wrote stays only when it returns true. */
static bool run_job(struct txn *t, struct store_job *job, struct error *e)
{
    size_t text_length = t->text->len;
    uint64_t next = t->next;
    int count = t->count;
    if (!view_run(t->view, view_statement(t->view, SAVEPOINT), "a job", e)) {
        return false;
    }
    bool ok = job->apply(job, t, e) && (t->attached == NULL || t->flush(t, t->attached, e));
    detach(t);
    if (ok && view_run(t->view, view_statement(t->view, RELEASE), "a job", e)) {
        return true;
    }
    struct error ignored = {0};
    indexes_forget(t->view);
    view_run(t->view, view_statement(t->view, ROLLBACK_TO), "undoing", &ignored);
    view_run(t->view, view_statement(t->view, RELEASE), "undoing", &ignored);
    g_string_truncate(t->text, text_length);
    t->next = next;
    t->count = count;
    return false;
}

static bool put_log(struct txn *t, uint64_t first, struct error *e)
{
    if (t->count == 0) {
        return true;
    }
    g_autoptr(GBytes) packed = log_pack(t->text);
    sqlite3_stmt *st = view_statement(t->view, LOG_PUT);
    sqlite3_bind_int64(st, 1, (int64_t)first);
    sqlite3_bind_int(st, 2, t->count);
    sqlite3_bind_blob64(st, 3, g_bytes_get_data(packed, NULL), g_bytes_get_size(packed), SQLITE_STATIC);
    return view_run(t->view, st, "the log", e);
}

/* The first record that some reader still needs. */
static uint64_t needed_from(struct writer *w)
{
    uint64_t from =
        w->end > (uint64_t)w->store->options.log_keep ? w->end - (uint64_t)w->store->options.log_keep : 0;
    sqlite3_stmt *st = view_statement(w->view, CURSOR_LOWEST);
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL) {
        from = MIN(from, (uint64_t)sqlite3_column_int64(st, 0));
    }
    sqlite3_reset(st);
    return MIN(from, history_cursor(w->store->history)) + 1;
}

static bool prune(struct writer *w, struct error *e)
{
    if (++w->commits_since_prune < PRUNE_EVERY) {
        return true;
    }
    w->commits_since_prune = 0;
    sqlite3_stmt *st = view_statement(w->view, LOG_PRUNE);
    sqlite3_bind_int64(st, 1, (int64_t)needed_from(w));
    return view_run(w->view, st, "pruning the log", e);
}

static void read_start(struct writer *w)
{
    sqlite3_stmt *st = view_statement(w->view, LOG_FIRST);
    if (sqlite3_step(st) == SQLITE_ROW) {
        log_tail_pruned(w->store->tail, (uint64_t)sqlite3_column_int64(st, 0));
    }
    sqlite3_reset(st);
}

static bool commit(struct writer *w, struct txn *t, uint64_t first, struct error *e)
{
    if (!put_log(t, first, e) || !prune(w, e) ||
        !view_run(w->view, view_statement(w->view, COMMIT), "a commit", e)) {
        return false;
    }
    if (w->store->options.fsync_delay_us > 0) {
        usleep((useconds_t)w->store->options.fsync_delay_us);
    }
    return true;
}

static void undo(struct writer *w)
{
    struct error ignored = {0};
    if (sqlite3_get_autocommit(w->view->db) == 0) {
        view_run(w->view, view_statement(w->view, ROLLBACK), "rollback", &ignored);
    }
}

/* After a refused commit: tries a small one, so that trouble is over as soon as the disk is well again. It is
 * written over what the refused one may have left behind in the write-ahead log, which a crash would bring to
 * life. */
static void probe(struct writer *w)
{
    struct error e = {0};
    sqlite3_stmt *put = view_statement(w->view, KV_PUT);
    sqlite3_bind_text(put, 1, "store", -1, SQLITE_STATIC);
    sqlite3_bind_blob(put, 2, "probe", 5, SQLITE_STATIC);
    sqlite3_bind_blob(put, 3, "", 0, SQLITE_STATIC);
    bool ok = view_run(w->view, view_statement(w->view, BEGIN_WRITE), "a probe", &e) &&
              view_run(w->view, put, "a probe", &e) &&
              view_run(w->view, view_statement(w->view, COMMIT), "a probe", &e);
    if (!ok) {
        undo(w);
        return;
    }
    log_info("store", "writes are taken again");
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&w->lock);
    w->trouble.code = ERROR_NONE;
}

static struct store_job *take_job(struct writer *w, bool wait)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&w->lock);
    while (wait && w->first == NULL && !w->stopping) {
        if (w->trouble.code == ERROR_NONE) {
            g_cond_wait(&w->work, &w->lock);
        } else if (!g_cond_wait_until(&w->work, &w->lock, g_get_monotonic_time() + PROBE_US)) {
            g_mutex_unlock(&w->lock);
            probe(w);
            g_mutex_lock(&w->lock);
        }
    }
    struct store_job *job = w->first;
    if (job != NULL) {
        w->first = job->next;
        if (w->first == NULL) {
            w->last = NULL;
        }
        w->waiting--;
        counter_add(&store_counters[COUNT_QUEUE], -1);
        g_cond_signal(&w->room);
    }
    return job;
}

/* Remembers whether the disk takes writes, by how a job ended. */
static void note_trouble(struct writer *w, const struct store_job *job)
{
    bool disk =
        job->failed && (job->failure.code == ERROR_STORAGE_FULL || job->failure.code == ERROR_UNAVAILABLE);
    if (disk || (!job->failed && w->trouble.code != ERROR_NONE)) {
        g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&w->lock);
        w->trouble = disk ? job->failure : (struct error){0};
    }
}

/* Tells every job of the group how it ended. */
static void finish_group(struct writer *w, GPtrArray *group, const struct error *failure)
{
    for (guint i = 0; i < group->len; i++) {
        struct store_job *job = group->pdata[i];
        if (!job->failed && failure != NULL) {
            job->failed = true;
            job->failure = *failure;
        }
        counter_add(&store_counters[job->failed ? COUNT_FAILED_JOBS : COUNT_JOBS], 1);
        note_trouble(w, job);
        job->done(job, job->failed ? &job->failure : NULL);
    }
}

static void fail_all(GPtrArray *group, struct writer *w, const struct error *failure)
{
    log_failure("store", "a commit was refused", failure);
    indexes_forget(w->view);
    undo(w);
    finish_group(w, group, failure);
}

/* Runs first and whoever waits behind it as one transaction. */
static void run_group(struct writer *w, struct store_job *first_job)
{
    g_autoptr(GPtrArray) group = g_ptr_array_new();
    struct txn t = {.view = w->view,
                    .now = MAX(instant_now(), w->last_time + 1),
                    .next = w->end + 1,
                    .text = g_string_sized_new(4096)};
    struct error failure = {0};
    g_ptr_array_add(group, first_job);
    if (!view_run(w->view, view_statement(w->view, BEGIN_WRITE), "a transaction", &failure)) {
        fail_all(group, w, &failure);
        g_string_free(t.text, TRUE);
        return;
    }
    for (struct store_job *job = first_job; job != NULL;) {
        job->failed = !run_job(&t, job, &job->failure);
        bool full = t.count >= GROUP_RECORDS || t.text->len >= GROUP_BYTES ||
                    sqlite3_get_autocommit(w->view->db) != 0;
        job = full ? NULL : take_job(w, false);
        if (job != NULL) {
            g_ptr_array_add(group, job);
        }
    }
    if (sqlite3_get_autocommit(w->view->db) !=
        0) { /* SQLite has rolled all of it back, as it does when the disk is full */
        error_set(&failure, ERROR_STORAGE_FULL,
                  "The disk is full; free some space, nothing of this request was kept",
                  "磁盘已满；请清理空间，本次请求的内容未被保存");
    }
    if (failure.code != ERROR_NONE || !commit(w, &t, w->end + 1, &failure)) {
        fail_all(group, w, &failure);
        g_string_free(t.text, TRUE);
        return;
    }
    w->last_time = t.now;
    counter_add(&store_counters[COUNT_COMMITS], 1);
    counter_add(&store_counters[COUNT_RECORDS], t.count);
    uint64_t first = w->end + 1;
    w->end += (uint64_t)t.count;
    if (w->commits_since_prune == 0) {
        read_start(w);
    }
    if (t.count > 0) {
        log_tail_push(w->store->tail, first, t.count, t.text);
    } else {
        g_string_free(t.text, TRUE);
    }
    finish_group(w, group, NULL);
}

static void *write_all(void *data)
{
    struct writer *w = data;
    for (struct store_job *job; (job = take_job(w, true)) != NULL;) {
        if (w->store->options.commit_delay_us > 0) {
            usleep((useconds_t)w->store->options.commit_delay_us);
        }
        run_group(w, job);
    }
    return NULL;
}

struct writer *writer_start(struct store *s, struct view *v, instant last)
{
    struct writer *w = g_new0(struct writer, 1);
    w->store = s;
    w->room_for = s->options.write_queue > 0 ? s->options.write_queue : LIMIT_WRITE_QUEUE;
    w->view = v;
    w->last_time = last;
    w->end = store_log_end(s);
    g_mutex_init(&w->lock);
    g_cond_init(&w->work);
    g_cond_init(&w->room);
    w->thread = g_thread_new("writer", write_all, w);
    return w;
}

void writer_stop(struct writer *w)
{
    if (w == NULL) {
        return;
    }
    g_mutex_lock(&w->lock);
    w->stopping = true;
    g_cond_broadcast(&w->work);
    g_cond_broadcast(&w->room);
    g_mutex_unlock(&w->lock);
    g_thread_join(w->thread);
    view_close(w->view);
    g_mutex_clear(&w->lock);
    g_cond_clear(&w->work);
    g_cond_clear(&w->room);
    g_free(w);
}

static bool refuse(const struct writer *w, struct error *e)
{
    if (w == NULL || w->stopping) {
        return error_set(e, ERROR_UNAVAILABLE, "The hub is stopping and takes no more writes",
                         "系统正在停止，不再接受写入");
    }
    return error_set(e, ERROR_TOO_MANY_REQUESTS, "Too many writes are waiting; try again in a second",
                     "等待写入的请求过多；请稍后重试");
}

/* Puts a job into the queue; the lock is held. */
static void enqueue(struct writer *w, struct store_job *job)
{
    job->next = NULL;
    job->failed = false;
    job->failure.code = ERROR_NONE;
    if (w->last != NULL) {
        w->last->next = job;
    } else {
        w->first = job;
    }
    w->last = job;
    w->waiting++;
    counter_add(&store_counters[COUNT_QUEUE], 1);
    g_cond_signal(&w->work);
}

bool store_takes_writes(struct store *s, struct error *e)
{
    struct writer *w = s->writer;
    if (w == NULL) {
        return refuse(w, e);
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&w->lock);
    if (w->trouble.code != ERROR_NONE && e != NULL) {
        *e = w->trouble;
    }
    return w->trouble.code == ERROR_NONE;
}

bool store_submit(struct store *s, struct store_job *job, struct error *e)
{
    struct writer *w = s->writer;
    if (w == NULL) {
        return refuse(w, e);
    }
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&w->lock);
    if (w->stopping || w->waiting >= w->room_for) {
        return refuse(w, e);
    }
    enqueue(w, job);
    return true;
}

/* A job that wakes its waiter instead of calling the owner's done. */
struct waiting_job {
    struct store_job job;
    struct store_job *owner;
    GMutex lock;
    GCond ready;
    bool done;
};

static bool apply_owner(struct store_job *job, struct txn *t, struct error *e)
{
    struct waiting_job *waiting = (struct waiting_job *)job;
    return waiting->owner->apply(waiting->owner, t, e);
}

static void wake_owner(struct store_job *job, const struct error *e)
{
    struct waiting_job *waiting = (struct waiting_job *)job;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&waiting->lock);
    waiting->done = true;
    g_cond_signal(&waiting->ready);
}

bool store_run(struct store *s, struct store_job *job, struct error *e)
{
    struct writer *w = s->writer;
    struct waiting_job waiting = {.job = {.apply = apply_owner, .done = wake_owner}, .owner = job};
    if (w == NULL) {
        return refuse(w, e);
    }
    g_assert(g_thread_self() != w->thread);
    g_mutex_init(&waiting.lock);
    g_cond_init(&waiting.ready);
    g_mutex_lock(&w->lock);
    while (!w->stopping && w->waiting >= w->room_for) {
        g_cond_wait(&w->room, &w->lock);
    }
    bool queued = !w->stopping;
    if (queued) {
        enqueue(w, &waiting.job);
    }
    g_mutex_unlock(&w->lock);
    if (queued) {
        g_mutex_lock(&waiting.lock);
        while (!waiting.done) {
            g_cond_wait(&waiting.ready, &waiting.lock);
        }
        g_mutex_unlock(&waiting.lock);
    } else {
        refuse(w, e);
    }
    g_mutex_clear(&waiting.lock);
    g_cond_clear(&waiting.ready);
    if (queued && waiting.job.failed && e != NULL) {
        *e = waiting.job.failure;
    }
    return queued && !waiting.job.failed;
}
