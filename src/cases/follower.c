/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the change log: alarms become cases, and changed cases have their clocks set; once a second what is
 * due is done. All on the reader's thread. */
#include <string.h>

#include "base/log.h"
#include "cases/case.h"
#include "cases/inside.h"
#include "cases/opening.h"
#include "cases/timers.h"

static const char READER[] = "cases";
enum {
    ALARMS_PER_JOB = 200,
    CASES_PER_JOB = 100,
    CURSOR_SECONDS = 5 /* how long the cursor may lag behind records that asked for nothing */
};

static struct {
    struct hub *hub;
    struct log_reader *reader;
    struct timers *timers;
    GHashTable *changed;    /* ids of cases whose clocks must be looked at */
    int version;            /* of the playbook that the timers were made with */
    uint64_t seen, written; /* the log as read, the cursor as written */
    instant written_at;
} follower;

/* A mistake of this one item that trying again will not mend. */
static bool is_hopeless(const struct error *e)
{
    int status = error_status(e->code);
    return status >= 400 && status < 500 && e->code != ERROR_TOO_MANY_REQUESTS;
}

/* ---- alarms ---- */

struct alarm_job {
    struct store_job job;
    struct playbook *playbook;
    const struct log_batch *batch;
    int from, to; /* records [from, to) */
    int opened;
};

static bool alarms_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct alarm_job *j = (struct alarm_job *)job;
    for (int i = j->from; i < j->to; i++) {
        const struct json *record = j->batch->records[i];
        if (!record_is_alarm(record)) {
            continue;
        }
        arena_auto a = arena_new();
        struct error why = {0};
        bool opened;
        if (alarm_record(t, a, j->playbook, record, &opened, &why)) {
            j->opened += opened;
        } else if (is_hopeless(&why)) {
            log_failure("cases", json_get_string(record, "id"), &why);
        } else {
            *e = why;
            return false;
        }
    }
    return txn_cursor(t, READER, j->batch->first + (uint64_t)j->to - 1, e);
}

/* The end of a job that begins at from: at most ALARMS_PER_JOB alarms. *alarms counts them. */
static int job_end(const struct log_batch *b, int from, int *alarms)
{
    *alarms = 0;
    int i = from;
    for (; i < b->count && *alarms < ALARMS_PER_JOB; i++) {
        *alarms += record_is_alarm(b->records[i]);
    }
    return i;
}

static bool run_alarms(struct playbook *p, const struct log_batch *b, int from, int to, struct error *e)
{
    struct alarm_job job = {
        .job = {.apply = alarms_apply}, .playbook = p, .batch = b, .from = from, .to = to};
    if (!store_run(follower.hub->store, &job.job, e)) {
        return false;
    }
    counter_add(&cases_counters[COUNT_OPENED], job.opened);
    follower.written = b->first + (uint64_t)to - 1;
    follower.written_at = instant_now();
    return true;
}

static void mark_changed(const struct log_batch *b, int from)
{
    for (int i = from; i < b->count; i++) {
        const char *id = json_get_string(b->records[i], "id");
        if (id != NULL && context_has_type(b->records[i], "Case")) {
            g_hash_table_add(follower.changed, g_strdup(id));
        }
    }
}

static bool on_batch(void *user, const struct log_batch *b, uint64_t after, struct error *e)
{
    playbook_auto p = cases_playbook();
    after = MAX(after, follower.written); /* a part may be done already when this is a second try */
    int from = after >= b->first ? (int)(after - b->first + 1) : 0;
    mark_changed(b, from);
    while (from < b->count) {
        int alarms, to = job_end(b, from, &alarms);
        if (alarms > 0 && !run_alarms(p, b, from, to, e)) {
            return false;
        }
        from = to;
    }
    follower.seen = b->first + (uint64_t)b->count - 1;
    return true;
}

/* ---- clocks ---- */

static bool set_timer(void *user, const struct json *entity)
{
    timers_set(follower.timers, json_get_string(entity, "id"), case_next_event(user, entity));
    return true;
}

/* At start and with new packs: every case anew. */
static void set_all_timers(const struct playbook *p)
{
    const char *const types[] = {"Case"};
    struct context_query q = {.types = types, .types_count = 1};
    struct error e = {0};
    timers_clear(follower.timers);
    g_hash_table_remove_all(follower.changed);
    view_auto v = view_begin(follower.hub->store);
    if (!context_find(v, &q, set_timer, (void *)p, &e)) {
        log_failure("cases", "reading the cases for their clocks", &e);
    }
}

static void set_changed_timers(const struct playbook *p)
{
    if (g_hash_table_size(follower.changed) == 0) {
        return;
    }
    arena_auto a = arena_new();
    view_auto v = view_begin(follower.hub->store);
    GHashTableIter each;
    void *id;
    g_hash_table_iter_init(&each, follower.changed);
    while (g_hash_table_iter_next(&each, &id, NULL)) {
        const struct json *entity = context_get(v, a, id);
        timers_set(follower.timers, id, entity != NULL ? case_next_event(p, entity) : INSTANT_MAX);
    }
    g_hash_table_remove_all(follower.changed);
}

struct fire_job {
    struct store_job job;
    const struct playbook *playbook;
    GPtrArray *ids;
    instant next[CASES_PER_JOB];
};

static bool fire_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct fire_job *j = (struct fire_job *)job;
    for (guint i = 0; i < j->ids->len; i++) {
        arena_auto a = arena_new();
        struct error why = {0};
        if (case_fire(t, a, j->playbook, j->ids->pdata[i], &j->next[i], &why)) {
            continue;
        }
        if (!is_hopeless(&why)) {
            *e = why;
            return false;
        }
        log_failure("cases", j->ids->pdata[i], &why);
        j->next[i] = INSTANT_MAX;
    }
    return true;
}

/* Does what is due for some cases; false when none was. */
static bool fire_some(const struct playbook *p, instant now)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    char *id;
    while (ids->len < CASES_PER_JOB && (id = timers_take(follower.timers, now)) != NULL) {
        g_ptr_array_add(ids, id);
    }
    if (ids->len == 0) {
        return false;
    }
    struct fire_job job = {.job = {.apply = fire_apply}, .playbook = p, .ids = ids};
    struct error e = {0};
    bool done = store_run(follower.hub->store, &job.job, &e);
    if (!done) {
        log_failure("cases", "reminders and escalations", &e);
    }
    for (guint i = 0; i < ids->len; i++) {
        timers_set(follower.timers, ids->pdata[i], done ? job.next[i] : now + 10 * INSTANT_SECOND);
    }
    counter_add(&cases_counters[COUNT_REMINDERS], done ? ids->len : 0);
    return done;
}

static bool cursor_apply(struct store_job *job, struct txn *t, struct error *e)
{
    return txn_cursor(t, READER, follower.seen, e);
}

/* Records that asked for nothing move the cursor now and then, so that the log can be pruned. */
static void write_cursor(instant now)
{
    if (follower.seen <= follower.written || now < follower.written_at + CURSOR_SECONDS * INSTANT_SECOND) {
        return;
    }
    struct store_job job = {.apply = cursor_apply};
    struct error e = {0};
    if (store_run(follower.hub->store, &job, &e)) {
        follower.written = follower.seen;
        follower.written_at = now;
    } else {
        log_failure("cases", "noting how far the log was read", &e);
    }
}

static void on_tick(void *user, instant now)
{
    playbook_auto p = cases_playbook();
    int version = cases_playbook_version();
    if (version != follower.version) {
        set_all_timers(p);
        follower.version = version;
    }
    set_changed_timers(p);
    while (fire_some(p, now)) {
    }
    counter_set(&cases_counters[COUNT_TIMERS], timers_count(follower.timers));
    write_cursor(now);
}

void follower_start(struct hub *h)
{
    memset(&follower, 0, sizeof follower);
    follower.hub = h;
    follower.timers = timers_new();
    follower.changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    follower.version = -1;
    const struct log_reader_options options = {
        .name = READER, .batch = on_batch, .tick = on_tick, .from = UINT64_MAX};
    follower.reader = log_reader_start(h->store, &options);
}

void follower_stop(void)
{
    if (follower.reader == NULL) {
        return;
    }
    log_reader_stop(follower.reader);
    timers_free(follower.timers);
    g_hash_table_unref(follower.changed);
    memset(&follower, 0, sizeof follower);
}
