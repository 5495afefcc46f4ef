/* SPDX-License-Identifier: Apache-2.0 */
/* The feature: feeds the tracker from the change log, writes what comes out, keeps its rows with the cursor.
 */
#include "indicators/indicators.h"

#include <string.h>

#include "base/log.h"
#include "context/context.h"
#include "indicators/tracker.h"

enum {
    SAVE_RECORDS = 20000,  /* at least so many records between two saves under load … */
    RECORDS_PER_DIRTY = 4, /* … and so many for each entity that has to be written … */
    SAVE_SECONDS = 5,      /* … but never longer than this */
};
static const char space[] = "indicators.state";

static struct {
    struct hub *hub;
    GMutex lock;              /* holds all below: records and packs come from two threads */
    struct index_set *loaded; /* by load() before start() */
    struct tracker *tracker;
    struct log_reader *reader;
    uint64_t seq, saved;
    gint64 saved_at;
} run;

static struct counter counters[] = {
    {"zhongshu_index_values_total", COUNTER_COUNTER, "Index values computed", "已计算的指数值数", 0},
    {"zhongshu_index_entities", COUNTER_GAUGE, "Entities with indexes", "有指数的实体数", 0},
};
enum { COUNT_VALUES, COUNT_ENTITIES };

/* ---- writing ---- */

static struct json *attribute(struct arena *a, struct json *entity, const char *name, const char *type,
                              const char *member, struct json *value, instant at)
{
    struct json *instance = json_object(a);
    json_add(instance, "type", json_string(a, type));
    json_add(instance, member, value);
    context_observed(a, instance, at);
    return json_set(a, entity, name, instance);
}

static const char *primary_names(struct arena *a, const struct index_output *o)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (int p = 0; p < o->index->parts_count; p++) {
        if (o->result.primary[p]) {
            g_string_append_printf(names, "%s%s", names->len > 0 ? "," : "", o->index->parts[p].name);
        }
    }
    return o->result.any_primary ? arena_strdup(a, names->str) : o->index->none;
}

static struct json *category(struct arena *a, const struct level *l)
{
    struct json *map = json_object(a);
    json_add(map, "zh", json_string(a, l->zh));
    json_add(map, "en", json_string(a, l->en));
    return map;
}

static struct json *fragment_of(struct arena *a, const struct index_output *o)
{
    const struct index *x = o->index;
    struct json *f = context_entity(a, o->entity, x->type);
    attribute(a, f, x->value, "Property", "value", json_int(a, (int64_t)o->result.value), o->at);
    if (x->level != NULL && o->result.level > 0) {
        attribute(a, f, x->level, "Property", "value", json_int(a, o->result.level), o->at);
    }
    if (x->category != NULL && o->result.level > 0) {
        attribute(a, f, x->category, "LanguageProperty", "languageMap",
                  category(a, &x->levels[o->result.level - 1]), o->at);
    }
    if (x->primary != NULL) {
        attribute(a, f, x->primary, "Property", "value", json_string(a, primary_names(a, o)), o->at);
    }
    return f;
}

/* A value older than the stored one that did not come late has been written before: the log is being read
 * again. */
static bool is_written(const struct json *stored, const struct index_output *o)
{
    const char *text = json_get_string(json_get(stored, o->index->value), "observedAt");
    instant at;
    return !o->late && text != NULL && instant_parse(text, strlen(text), NULL, &at) && at > o->at;
}

static bool write_output(struct txn *t, const struct index_output *o, struct error *e)
{
    arena_auto a = arena_new();
    const struct json *stored = context_get_txn(t, a, o->entity);
    if (stored == NULL || is_written(stored, o)) {
        return true; /* the entity has been deleted since, or nothing to do */
    }
    return context_write(t, a, fragment_of(a, o), CONTEXT_UPDATE, CONTEXT_KEEP_NEWER | CONTEXT_SKIP_EQUAL,
                         arena_printf(a, "index:%s", o->index->name), NULL, e);
}

struct index_job {
    struct store_job job;
    const GArray *outputs;
    bool save, all;
    GArray *rows;
    uint64_t seq;
};

static bool drop_row(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    g_ptr_array_add(user, g_bytes_new(key, key_length));
    return true;
}

/* Rows of indexes that are no more would stay for ever. */
static bool clear_rows(struct txn *t, struct error *e)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    view_kv_scan(txn_view(t), space, NULL, 0, false, drop_row, keys);
    for (guint i = 0; i < keys->len; i++) {
        gsize length;
        const void *key = g_bytes_get_data(g_ptr_array_index(keys, i), &length);
        if (!txn_kv_delete(t, space, key, length, e)) {
            return false;
        }
    }
    return true;
}

static bool write_rows(const struct index_job *j, struct txn *t, struct error *e)
{
    if (j->all && !clear_rows(t, e)) {
        return false;
    }
    for (guint i = 0; i < j->rows->len; i++) {
        const struct tracker_row *row = &g_array_index(j->rows, struct tracker_row, i);
        gsize key_length, length = 0;
        const void *key = g_bytes_get_data(row->key, &key_length);
        const void *value = row->value != NULL ? g_bytes_get_data(row->value, &length) : NULL;
        bool ok = value != NULL ? txn_kv_put(t, space, key, key_length, value, length, e)
                                : txn_kv_delete(t, space, key, key_length, e);
        if (!ok) {
            return false;
        }
    }
    return txn_cursor(t, "indicators", j->seq, e);
}

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct index_job *j = (struct index_job *)job;
    for (guint i = 0; i < j->outputs->len; i++) {
        if (!write_output(t, &g_array_index(j->outputs, struct index_output, i), e)) {
            return false;
        }
    }
    return !j->save || write_rows(j, t, e);
}

/* The lock is held. all: every row anew. */
static bool write_out(bool save, bool all, struct error *e)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct tracker_row));
    struct index_job j = {.job = {.apply = apply},
                          .outputs = tracker_outputs(run.tracker),
                          .save = save,
                          .all = all,
                          .rows = rows,
                          .seq = run.seq};
    if (save) {
        tracker_save(run.tracker, all, rows);
    }
    bool ok = store_run(run.hub->store, &j.job, e);
    tracker_rows_clear(rows);
    if (!ok) {
        if (save) {
            tracker_save_failed(run.tracker);
        }
        return false;
    }
    counter_add(&counters[COUNT_VALUES], j.outputs->len);
    counter_set(&counters[COUNT_ENTITIES], tracker_entities(run.tracker));
    tracker_flushed(run.tracker);
    if (save) {
        run.saved = run.seq;
        run.saved_at = g_get_monotonic_time();
    }
    return true;
}

/* ---- following the log ---- */

static bool time_to_save(void)
{
    uint64_t records = run.seq - run.saved;
    return records > 0 &&
           (g_get_monotonic_time() - run.saved_at >= SAVE_SECONDS * G_USEC_PER_SEC ||
            (records >= SAVE_RECORDS && records >= (uint64_t)tracker_dirty(run.tracker) * RECORDS_PER_DIRTY));
}

static bool on_batch(void *user, const struct log_batch *b, uint64_t after, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&run.lock);
    for (int i = 0; i < b->count; i++) {
        uint64_t seq = b->first + (uint64_t)i;
        if (seq > run.seq) {
            tracker_record(run.tracker, b->records[i]);
            run.seq = seq;
        }
    }
    bool save = time_to_save();
    return (!save && tracker_outputs(run.tracker)->len == 0) || write_out(save, false, e);
}

static void on_tick(void *user, instant now)
{
    struct error e = {0};
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&run.lock);
    if (time_to_save() && !write_out(true, false, &e)) {
        log_failure("indicators", "cannot write indexes, will try again", &e);
    }
}

/* ---- the feature ---- */

static void note_nothing(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    r->mistakes++;
}

static bool restore_row(void *user, const void *key, size_t key_length, const char *value,
                        size_t value_length)
{
    tracker_restore(user, key, key_length, value, value_length);
    return true;
}

/* The new indexes with what the old ones remember. */
static bool reload(struct index_set *set, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&run.lock);
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct tracker_row));
    if (!write_out(true, false, e)) {
        index_set_free(set);
        return false;
    }
    struct tracker *old = run.tracker;
    run.tracker = tracker_new(set);
    tracker_save(old, true, rows);
    for (guint i = 0; i < rows->len; i++) {
        const struct tracker_row *row = &g_array_index(rows, struct tracker_row, i);
        gsize key_length, length = 0;
        const void *key = g_bytes_get_data(row->key, &key_length);
        const void *value = row->value != NULL ? g_bytes_get_data(row->value, &length) : NULL;
        if (value != NULL) {
            tracker_restore(run.tracker, key, key_length, value, length);
        }
    }
    tracker_rows_clear(rows);
    if (!write_out(true, true, e)) {
        tracker_free(run.tracker);
        run.tracker = old;
        tracker_save_failed(old);
        return false;
    }
    tracker_free(old);
    return true;
}

static bool load(struct hub *h, const struct pack *const *packs, struct error *e)
{
    struct pack_report report = {note_nothing, 0};
    struct index_set *set = index_set_new(packs, &report);
    run.hub = h;
    if (report.mistakes > 0) {
        index_set_free(set);
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "the indexes of the packs have mistakes; see `zhongshu packs check`",
                         "应用包的指数定义有误，请运行 zhongshu packs check");
    }
    if (run.tracker != NULL) {
        return reload(set, e);
    }
    index_set_free(run.loaded);
    run.loaded = set;
    return true;
}

static struct index_set *no_indexes(void)
{
    static const struct pack *const none[] = {NULL};
    struct pack_report report = {note_nothing, 0};
    return index_set_new(none, &report);
}

static bool start(struct hub *h, struct error *e)
{
    run.hub = h;
    counters_register(counters, G_N_ELEMENTS(counters));
    run.tracker = tracker_new(run.loaded != NULL ? g_steal_pointer(&run.loaded) : no_indexes());
    view_auto v = view_begin(h->store);
    view_kv_scan(v, space, NULL, 0, false, restore_row, run.tracker);
    uint64_t first = store_log_start(h->store);
    run.seq = run.saved = MAX(view_cursor(v, "indicators"), first > 0 ? first - 1 : 0);
    run.saved_at = g_get_monotonic_time();
    if (!write_out(true, false, e)) {
        g_clear_pointer(&run.tracker, tracker_free);
        return false;
    }
    struct log_reader_options o = {.name = "indicators", .batch = on_batch, .tick = on_tick, .from = run.seq};
    run.reader = log_reader_start(h->store, &o);
    return true;
}

static void stop(void)
{
    struct error e = {0};
    g_clear_pointer(&run.reader, log_reader_stop);
    if (run.tracker != NULL && run.seq > run.saved && !write_out(true, false, &e)) {
        log_failure("indicators", "cannot keep the state of the indexes; the next start reads the log again",
                    &e);
    }
    g_clear_pointer(&run.tracker, tracker_free);
    g_clear_pointer(&run.loaded, index_set_free);
}

static const struct pack_section sections[] = {
    {"tables", tables_check, "Tables of breakpoints that indexes refer to, each with its source",
     "指数所用的分段限值表，须注明来源"},
    {"indexes", indexes_check,
     "Indexes: attributes derived from readings by tables, of one reading or of a day",
     "指数：按限值表由读数派生的属性，可按单次读数或按日计算"},
    {NULL, NULL, NULL, NULL},
};

const struct feature indicators_feature = {
    .name = "indicators",
    .en = "Indicators: derived attributes such as the AQI",
    .zh = "指标：由读数派生的属性，例如 AQI",
    .sections = sections,
    .load = load,
    .start = start,
    .stop = stop,
};
