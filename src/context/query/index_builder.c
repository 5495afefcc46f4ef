/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that brings the store's indexes of attributes to what packs declare. */
#include "context/query/index_builder.h"

#include <string.h>

#include "base/log.h"
#include "context/query/indexed.h"

enum { STEP_ENTITIES = 500, STEP_ENTRIES = 5000, RETRY_MS = 1000 };

struct index_builder {
    struct store *store;
    GThread *thread;
    GMutex lock;
    GCond changed;
    bool stopping;
    bool declared;     /* there is a declaration that has not been compared with the store yet */
    GPtrArray *wanted; /* "type\037attribute" */
};

/* ---- what is wanted ---- */

static char *pair(const char *type, const char *attribute)
{
    return g_strdup_printf("%s\037%s", type, attribute);
}

static bool has_pair(const GPtrArray *pairs, const char *text)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)pairs, text, g_str_equal, NULL);
}

void index_builder_declare(struct index_builder *b, const struct context_index *wanted, int count)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&b->lock);
    g_ptr_array_set_size(b->wanted, 0);
    for (int i = 0; i < count; i++) {
        g_ptr_array_add(b->wanted, pair(wanted[i].type, wanted[i].attribute));
    }
    b->declared = true;
    g_cond_signal(&b->changed);
}

/* ---- jobs ---- */

struct step {
    struct store_job job; /* first: the job leads back here */
    const GPtrArray *wanted;
    const struct store_index_row *index;
    bool done;
    /* of a build step */
    struct txn *txn;
    struct arena *arena;
    struct error *e;
    int64_t last;
    int count;
    bool failed;
};

static const struct store_index_row *find_row(const struct store_index_row *rows, int count,
                                              const char *wanted)
{
    for (int i = 0; i < count; i++) {
        g_autofree char *text = pair(rows[i].type, rows[i].attribute);
        if (!rows[i].dropped && strcmp(text, wanted) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Makes what is missing and drops what has gone from the declaration. */
static bool apply_declaration(struct store_job *job, struct txn *t, struct error *e)
{
    struct step *s = (struct step *)job;
    arena_auto a = arena_new();
    struct store_index_row *rows;
    int count;
    view_indexes(txn_view(t), a, &rows, &count);
    for (int i = 0; i < count; i++) {
        g_autofree char *text = pair(rows[i].type, rows[i].attribute);
        if (!rows[i].dropped && !has_pair(s->wanted, text) && !txn_index_drop(t, rows[i].number, e)) {
            return false;
        }
    }
    for (guint i = 0; i < s->wanted->len; i++) {
        const char *text = s->wanted->pdata[i];
        const char *attribute = strchr(text, '\037') + 1;
        g_autofree char *type = g_strndup(text, (gsize)(attribute - 1 - text));
        if (find_row(rows, count, text) == NULL && !txn_index_make(t, type, attribute, e)) {
            return false;
        }
    }
    return true;
}

static bool add_entity(void *user, const struct store_entity *row)
{
    struct step *s = user;
    int count;
    const struct json *entity = json_parse(s->arena, row->body, row->body_length, s->e);
    s->failed = entity == NULL;
    const struct store_value *values = s->failed ? NULL : indexed_values(s->arena, entity, s->index, &count);
    for (int i = 0; values != NULL && i < count && !s->failed; i++) {
        s->failed = !txn_value_put(s->txn, s->index->number, &values[i], row->eid, s->e);
    }
    s->last = row->eid;
    return !s->failed && ++s->count < STEP_ENTITIES;
}

static bool apply_build(struct store_job *job, struct txn *t, struct error *e)
{
    struct step *s = (struct step *)job;
    arena_auto a = arena_new();
    struct store_query q = {.types = &s->index->type, .types_count = 1, .after = s->index->built};
    s->txn = t;
    s->arena = a;
    s->e = e;
    s->last = s->index->built;
    if (!view_entities(txn_view(t), &q, add_entity, s, e) || s->failed) {
        return false;
    }
    s->done = s->count < STEP_ENTITIES;
    return txn_index_built(t, s->index->number, s->last, s->done, e);
}

static bool apply_clean(struct store_job *job, struct txn *t, struct error *e)
{
    struct step *s = (struct step *)job;
    return txn_index_clean(t, s->index->number, STEP_ENTRIES, &s->done, e);
}

/* ---- the thread ---- */

static bool run(struct index_builder *b, struct step *s)
{
    struct error e = {0};
    if (!store_run(b->store, &s->job, &e)) {
        log_failure("context", "building an index", &e);
        return false;
    }
    return true;
}

static bool differs(struct index_builder *b, const GPtrArray *wanted)
{
    arena_auto a = arena_new();
    struct store_index_row *rows;
    int count, live = 0;
    view_auto v = view_begin(b->store);
    view_indexes(v, a, &rows, &count);
    for (int i = 0; i < count; i++) {
        live += !rows[i].dropped;
    }
    bool same = live == (int)wanted->len;
    for (guint i = 0; same && i < wanted->len; i++) {
        same = find_row(rows, count, wanted->pdata[i]) != NULL;
    }
    return !same;
}

/* Compares a new declaration with the store. */
static bool settle(struct index_builder *b)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func(g_free);
    g_mutex_lock(&b->lock);
    bool declared = b->declared;
    for (guint i = 0; i < b->wanted->len; i++) {
        g_ptr_array_add(wanted, g_strdup(b->wanted->pdata[i]));
    }
    b->declared = false;
    g_mutex_unlock(&b->lock);
    struct step s = {.job.apply = apply_declaration, .wanted = wanted};
    return !declared || !differs(b, wanted) || run(b, &s);
}

static void note_done(const struct store_index_row *index)
{
    log_info("context", "the index of %s.%s is %s", index->type, index->attribute,
             index->dropped ? "gone" : "complete");
}

/* One step of the first index that is unfinished. *more: there was one. */
static bool advance(struct index_builder *b, bool *more)
{
    arena_auto a = arena_new();
    struct store_index_row *rows;
    int count;
    view_auto v = view_begin(b->store);
    view_indexes(v, a, &rows, &count);
    g_clear_pointer(&v, view_end);
    *more = false;
    for (int i = 0; i < count && !*more; i++) {
        if (!rows[i].complete) {
            struct step s = {.job.apply = rows[i].dropped ? apply_clean : apply_build, .index = &rows[i]};
            *more = true;
            if (!run(b, &s)) {
                return false;
            }
            if (s.done) {
                note_done(&rows[i]);
            }
        }
    }
    return true;
}

static bool is_stopping(struct index_builder *b)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&b->lock);
    return b->stopping;
}

static void wait(struct index_builder *b, bool failed)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&b->lock);
    gint64 until = g_get_monotonic_time() + RETRY_MS * G_TIME_SPAN_MILLISECOND;
    while (!b->stopping && !b->declared && !failed) {
        g_cond_wait(&b->changed, &b->lock);
    }
    while (!b->stopping && failed && g_cond_wait_until(&b->changed, &b->lock, until)) {
    }
}

static void *build_all(void *data)
{
    struct index_builder *b = data;
    while (!is_stopping(b)) {
        bool more = false;
        bool ok = settle(b) && advance(b, &more);
        if (!ok || !more) {
            wait(b, !ok);
        }
    }
    return NULL;
}

struct index_builder *index_builder_start(struct store *s)
{
    struct index_builder *b = g_new0(struct index_builder, 1);
    b->store = s;
    b->wanted = g_ptr_array_new_with_free_func(g_free);
    g_mutex_init(&b->lock);
    g_cond_init(&b->changed);
    b->thread = g_thread_new("indexes", build_all, b);
    return b;
}

void index_builder_stop(struct index_builder *b)
{
    if (b == NULL) {
        return;
    }
    g_mutex_lock(&b->lock);
    b->stopping = true;
    g_cond_signal(&b->changed);
    g_mutex_unlock(&b->lock);
    g_thread_join(b->thread);
    g_ptr_array_unref(b->wanted);
    g_mutex_clear(&b->lock);
    g_cond_clear(&b->changed);
    g_free(b);
}
