/* SPDX-License-Identifier: Apache-2.0 */
/* The feature: feeds the engine from the change log, keeps its snapshots, and writes what comes out. */
#include "rules/rules.h"

#include <string.h>

#include "base/log.h"
#include "context/context.h"
#include "rules/alarm.h"
#include "rules/engine.h"
#include "rules/rules_api.h"

enum {
    SNAPSHOT_RECORDS = 20000, /* at least so many records between two snapshots under load … */
    RECORDS_PER_DIRTY = 4,    /* … and so many for each subject that has to be written … */
    SNAPSHOT_SECONDS = 5,     /* … but never longer than this */
    CHANGES_AT_ONCE = 2000,   /* alarms written in one job */
    GRACE_SECONDS = 15,       /* after a restart, before silence is judged: waiting messages come in */
};
static const char space[] = "rules.state";

/* The running feature. The lock holds engine and all below it: records, packs and the API come from three
 * threads. */
static struct {
    struct hub *hub;
    GMutex lock;
    struct rule_set *loaded; /* by load() before start() */
    struct engine *engine;
    struct log_reader *reader;
    struct alarm_index *alarms; /* has a lock of its own */
    uint64_t saved;             /* the cursor on disk */
    gint64 saved_at;            /* monotonic */
    bool must_save;             /* changes wait that the log does not know of */
    bool reconcile;             /* rules changed: look for alarms that nobody stands behind */
    instant silence_from;       /* when silence may be judged */
} run;

static struct counter counters[] = {
    {"zhongshu_rules_records_total", COUNTER_COUNTER, "Change records that the rules have dealt with",
     "规则已处理的变更记录数", 0},
    {"zhongshu_alarms_raised_total", COUNTER_COUNTER, "Alarms raised", "已产生的告警数", 0},
    {"zhongshu_alarms_cleared_total", COUNTER_COUNTER, "Alarms cleared", "已解除的告警数", 0},
    {"zhongshu_alarms_active", COUNTER_GAUGE, "Alarms active now", "当前有效告警数", 0},
    {"zhongshu_rules_subjects", COUNTER_GAUGE, "Entities that the rules remember", "规则所跟踪的实体数", 0},
    {"zhongshu_rules_snapshots_total", COUNTER_COUNTER, "Snapshots of the rules' memory", "规则状态快照次数",
     0},
};
enum { COUNT_RECORDS, COUNT_RAISED, COUNT_CLEARED, COUNT_ACTIVE, COUNT_SUBJECTS, COUNT_SNAPSHOTS };

/* ---- Rule entities ---- */

static const char *rule_id(struct arena *a, const char *pack, const char *name)
{
    return arena_printf(a, "urn:ngsi-ld:Rule:%s:%s", pack, name);
}

static struct json *rule_entity(struct arena *a, const struct rule *rule)
{
    struct json *entity = context_entity(a, rule_id(a, rule->pack, rule->name), "Rule");
    context_set_property(a, entity, "name", json_string(a, rule->name));
    context_set_property(a, entity, "pack", json_string(a, rule->pack));
    context_set_property(a, entity, "kind", json_string(a, rule_kind_name(rule->kind)));
    context_set_property(a, entity, "appliesTo", json_string(a, rule->type));
    context_set_property(a, entity, "inForce", json_bool(a, true));
    struct json *title = json_set(a, entity, "title", json_object(a));
    json_add(title, "type", json_string(a, "LanguageProperty"));
    struct json *map = json_add(title, "languageMap", json_object(a));
    json_add(map, "zh", json_string(a, rule->title[RULE_ZH]));
    json_add(map, "en", json_string(a, rule->title[RULE_EN]));
    struct json *definition = json_set(a, entity, "definition", json_object(a));
    json_add(definition, "type", json_string(a, "JsonProperty"));
    json_add(definition, "json", json_copy(a, rule->definition));
    return entity;
}

/* A rule that is new, changed or back; its `enabled` is written once and is then the operators'. */
static bool write_rule(struct txn *t, const struct rule *rule, struct error *e)
{
    arena_auto a = arena_new();
    struct json *entity = rule_entity(a, rule);
    if (context_get_txn(t, a, rule_id(a, rule->pack, rule->name)) == NULL) {
        context_set_property(a, entity, "enabled", json_bool(a, rule->enabled));
    }
    return context_write(t, a, entity, CONTEXT_UPDATE, CONTEXT_SKIP_EQUAL,
                         arena_printf(a, "pack:%s", rule->pack), NULL, e);
}

static bool retire_rule(struct txn *t, const char *id, struct error *e)
{
    arena_auto a = arena_new();
    struct json *entity = context_entity(a, id, "Rule");
    context_set_property(a, entity, "inForce", json_bool(a, false));
    return context_write(t, a, entity, CONTEXT_UPDATE, CONTEXT_SKIP_EQUAL | CONTEXT_MUST_EXIST, "packs", NULL,
                         e);
}

/* ---- the job: everything that goes to disk goes through it ---- */

struct rules_job {
    struct store_job job;
    const GPtrArray *changes; /* struct alarm_change; may be NULL */
    bool snapshot;
    uint64_t seq;
    GString *head;
    GArray *pages;
    const struct rule_set *rules; /* to be written as entities; may be NULL */
    GPtrArray *retired;           /* ids of Rule entities whose rules are gone */
    GPtrArray *ended;             /* ids of alarms that nobody stands behind */
    int raised, cleared;
};

static bool write_snapshot(struct rules_job *j, struct txn *t, struct error *e)
{
    for (guint i = 0; i < j->pages->len; i++) {
        const struct engine_page *page = &g_array_index(j->pages, struct engine_page, i);
        unsigned char key[9] = {'p'};
        kv_key_u64(page->number, key + 1);
        bool ok = page->data->len > 0
                      ? txn_kv_put(t, space, key, sizeof key, page->data->str, page->data->len, e)
                      : txn_kv_delete(t, space, key, sizeof key, e);
        if (!ok) {
            return false;
        }
    }
    return txn_kv_put(t, space, "head", 4, j->head->str, j->head->len, e) &&
           txn_cursor(t, "rules", j->seq, e);
}

static bool write_changes(struct rules_job *j, struct txn *t, struct error *e)
{
    for (guint i = 0; j->changes != NULL && i < j->changes->len; i++) {
        arena_auto a = arena_new();
        const struct alarm_change *c = g_ptr_array_index(j->changes, i);
        bool written;
        if (!alarm_write(t, a, c, &written, e)) {
            return false;
        }
        j->raised += written && c->step == ALARM_RAISED;
        j->cleared += written && c->step == ALARM_CLEARED;
    }
    for (guint i = 0; i < j->ended->len; i++) {
        arena_auto a = arena_new();
        if (!alarm_end(t, a, g_ptr_array_index(j->ended, i), "rule-changed", e)) {
            return false;
        }
    }
    return true;
}

static bool write_rules(struct rules_job *j, struct txn *t, struct error *e)
{
    for (int i = 0; j->rules != NULL && i < j->rules->count; i++) {
        if (!write_rule(t, &j->rules->rules[i], e)) {
            return false;
        }
    }
    for (guint i = 0; i < j->retired->len; i++) {
        if (!retire_rule(t, g_ptr_array_index(j->retired, i), e)) {
            return false;
        }
    }
    return true;
}

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct rules_job *j = (struct rules_job *)job;
    return write_rules(j, t, e) && write_changes(j, t, e) && (!j->snapshot || write_snapshot(j, t, e));
}

static void rules_job_init(struct rules_job *j)
{
    *j = (struct rules_job){.job = {.apply = apply},
                            .head = g_string_new(NULL),
                            .pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page)),
                            .retired = g_ptr_array_new_with_free_func(g_free),
                            .ended = g_ptr_array_new_with_free_func(g_free)};
}

static void rules_job_clear(struct rules_job *j)
{
    engine_pages_clear(j->pages);
    g_string_free(j->head, TRUE);
    g_array_unref(j->pages);
    g_ptr_array_unref(j->retired);
    g_ptr_array_unref(j->ended);
}

/* Runs the job for this engine; the lock is held. all: every page, not just the changed ones. */
static bool run_job(struct rules_job *j, struct engine *engine, bool snapshot, bool all, struct error *e)
{
    j->changes = engine_changes(engine);
    j->snapshot = snapshot;
    j->seq = engine_seq(engine);
    if (snapshot) {
        engine_save(engine, all, j->head, j->pages);
    }
    if (!store_run(run.hub->store, &j->job, e)) {
        if (snapshot) {
            engine_save_failed(engine);
        }
        return false;
    }
    engine_flushed(engine);
    counter_add(&counters[COUNT_RAISED], j->raised);
    counter_add(&counters[COUNT_CLEARED], j->cleared);
    counter_set(&counters[COUNT_ACTIVE], engine_active_count(engine));
    counter_set(&counters[COUNT_SUBJECTS], engine_subject_count(engine));
    if (snapshot) {
        counter_add(&counters[COUNT_SNAPSHOTS], 1);
        run.saved = j->seq;
        run.saved_at = g_get_monotonic_time();
        run.must_save = false;
    }
    return true;
}

static bool write_out(bool snapshot, struct error *e)
{
    struct rules_job j;
    rules_job_init(&j);
    bool ok = run_job(&j, run.engine, snapshot || run.must_save, false, e);
    rules_job_clear(&j);
    return ok;
}

/* ---- following the log ---- */

static bool time_to_save(void)
{
    uint64_t records = engine_seq(run.engine) - run.saved;
    if (records == 0) {
        return false;
    }
    return g_get_monotonic_time() - run.saved_at >= SNAPSHOT_SECONDS * G_USEC_PER_SEC ||
           (records >= SNAPSHOT_RECORDS && records >= (uint64_t)engine_dirty(run.engine) * RECORDS_PER_DIRTY);
}

/* Alarms that this run of records wrote, by whomever, as they stand now. */
static void index_alarms(const struct log_batch *b, uint64_t after)
{
    struct view *v = NULL;
    for (int i = 0; i < b->count; i++) {
        const struct json *type = json_first(json_get(b->records[i], "type"));
        const char *id = json_get_string(b->records[i], "id");
        if (b->first + (uint64_t)i <= after || !json_streq(type, "Alarm") || id == NULL) {
            continue;
        }
        arena_auto a = arena_new();
        v = v != NULL ? v : view_begin(run.hub->store);
        const struct json *alarm = context_get(v, a, id);
        if (alarm != NULL) {
            alarm_index_put(run.alarms, alarm);
        } else {
            alarm_index_remove(run.alarms, id);
        }
    }
    view_end(v);
}

static bool put_alarm(void *user, const struct json *alarm)
{
    alarm_index_put(user, alarm);
    return true;
}

static bool on_batch(void *user, const struct log_batch *b, uint64_t after, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&run.lock);
    uint64_t before = engine_seq(run.engine);
    index_alarms(b, after);
    for (int i = 0; i < b->count; i++) {
        if (b->first + (uint64_t)i > after) {
            engine_record(run.engine, b->first + (uint64_t)i, b->records[i]);
        }
        if (engine_changes(run.engine)->len >= CHANGES_AT_ONCE && !write_out(false, e)) {
            return false;
        }
    }
    counter_add(&counters[COUNT_RECORDS], (int64_t)(engine_seq(run.engine) - before));
    bool save = time_to_save();
    return (!save && engine_changes(run.engine)->len == 0) || write_out(save, e);
}

/* Collects active alarms for which the engine has no active judgement. */
static bool look_at_alarm(void *user, const struct json *alarm)
{
    GPtrArray *ended = user;
    const char *status = context_string(alarm, "status");
    const char *rule = context_string(alarm, "rule"), *source = context_string(alarm, "source");
    const char *start = json_get_string(context_value(alarm, "startedAt"), "@value");
    instant started;
    if (status == NULL || strcmp(status, "active") != 0) {
        return true;
    }
    bool known = rule != NULL && source != NULL && start != NULL &&
                 instant_parse(start, strlen(start), NULL, &started) &&
                 engine_is_active(run.engine, rule, source, started);
    if (!known) {
        g_ptr_array_add(ended, g_strdup(json_get_string(alarm, "id")));
    }
    return true;
}

/* After a change of rules: alarms of rules that are gone, or that would not have been raised, end. Only when
 * all of the log was seen, because an alarm may have been written by records that the snapshot does not hold.
 */
static bool reconcile_alarms(struct error *e)
{
    static const char *const types[] = {"Alarm"};
    struct context_query q = {.types = types, .types_count = 1};
    struct rules_job j;
    rules_job_init(&j);
    view_auto v = view_begin(run.hub->store);
    bool ok = context_find(v, &q, look_at_alarm, j.ended, e);
    ok = ok && (j.ended->len == 0 || run_job(&j, run.engine, false, false, e));
    rules_job_clear(&j);
    return ok;
}

static void on_tick(void *user, instant now)
{
    struct error e = {0};
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&run.lock);
    if (run.reconcile) {
        run.reconcile = !reconcile_alarms(&e);
    }
    if (now >= run.silence_from && engine_tick(run.engine, now)) {
        run.must_save = true;
    }
    if ((run.must_save || engine_changes(run.engine)->len > 0 || time_to_save()) && !write_out(true, &e)) {
        log_failure("rules", "cannot write alarms, will try again", &e);
    }
}

/* ---- rule sets come in ---- */

static void note_nothing(struct pack_report *r, const struct json *where, const char *en, const char *zh, ...)
{
    r->mistakes++;
}

struct rules_found {
    struct engine *engine;
    const struct rule_set *rules;
    GPtrArray *retired;
    instant now;
};

/* A Rule entity that is there: takes its `enabled`, or finds that its rule is gone. */
static bool look_at_rule(void *user, const struct json *entity)
{
    struct rules_found *f = user;
    const char *name = context_string(entity, "name"), *pack = context_string(entity, "pack");
    const struct json *enabled = context_value(entity, "enabled");
    for (int i = 0; i < f->rules->count; i++) {
        const struct rule *rule = &f->rules->rules[i];
        if (g_strcmp0(rule->name, name) == 0 && g_strcmp0(rule->pack, pack) == 0) {
            if (json_is(enabled, JSON_BOOL)) {
                engine_set_enabled(f->engine, name, enabled->boolean, f->now);
            }
            return true;
        }
    }
    g_ptr_array_add(f->retired, g_strdup(json_get_string(entity, "id")));
    return true;
}

static bool prime(void *user, const struct json *entity)
{
    engine_prime(user, entity);
    return true;
}

/* Puts an engine in force: with changed rules takes over what the entities say; writes Rule entities, and the
 * first snapshot. On failure the caller frees it. */
static bool put_in_force(struct engine *engine, bool changed, struct error *e)
{
    static const char *const types[] = {"Rule"};
    struct context_query all = {0}, rules = {.types = types, .types_count = 1};
    struct rules_job j;
    rules_job_init(&j);
    j.rules = engine_rules(engine);
    struct rules_found found = {engine, j.rules, j.retired, instant_now()};
    view_auto v = view_begin(run.hub->store);
    bool ok = !changed || (context_find(v, &rules, look_at_rule, &found, e) &&
                           (engine_seq(engine) == 0 || context_find(v, &all, prime, engine, e)));
    if (ok && changed) {
        engine_begin_waiting(engine, found.now);
    }
    ok = ok && run_job(&j, engine, changed, changed, e);
    rules_job_clear(&j);
    return ok;
}

/* ---- snapshots come back ---- */

static bool keep_page(void *user, const void *key, size_t key_length, const char *value, size_t value_length)
{
    GArray *pages = user;
    if (key_length != 9 || *(const char *)key != 'p') {
        return false;
    }
    struct engine_page page = {(uint32_t)kv_u64_key((const char *)key + 1),
                               g_string_new_len(value, (gssize)value_length)};
    g_array_append_val(pages, page);
    return true;
}

struct page_list {
    GArray *pages;
    guint at;
};

static bool next_page(void *user, struct engine_page *page)
{
    struct page_list *list = user;
    bool more = list->at < list->pages->len;
    if (more) {
        *page = g_array_index(list->pages, struct engine_page, list->at++);
    }
    return more;
}

static bool restore_from_store(struct engine *engine, bool *found, bool *changed, struct error *e)
{
    arena_auto a = arena_new();
    view_auto v = view_begin(run.hub->store);
    g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
    struct page_list list = {pages, 0};
    const char *head;
    size_t length;
    *found = view_kv_get(v, a, space, "head", 4, &head, &length);
    if (!*found) {
        return true;
    }
    view_kv_scan(v, space, "p", 1, false, keep_page, pages);
    bool ok = engine_restore(engine, head, length, next_page, &list, changed, e);
    engine_pages_clear(pages);
    return ok;
}

/* An engine for these rules that stands where the last one stopped. Without a snapshot that can be read it
 * begins where the log begins, or where the last one stood with nothing but the entities' present values. */
static struct engine *engine_at_start(struct rule_set *rules, bool *changed)
{
    struct engine *engine = engine_new(rules);
    struct error e = {0};
    bool found;
    *changed = true;
    if (!restore_from_store(engine, &found, changed, &e)) {
        log_failure("rules", "begin without the memory of the last run", &e);
        engine = engine_new(engine_dissolve(engine));
        *changed = true;
    }
    if (engine_seq(engine) == 0) {
        uint64_t first = store_log_start(run.hub->store);
        view_auto v = view_begin(run.hub->store);
        engine_set_seq(engine, MAX(view_cursor(v, "rules"), first > 0 ? first - 1 : 0));
    }
    if (found) {
        run.silence_from = instant_now() + GRACE_SECONDS * INSTANT_SECOND;
    }
    return engine;
}

/* The new rules with the memory of the old engine. */
static struct engine *engine_after(struct engine *old, struct rule_set *rules, bool *changed, struct error *e)
{
    struct engine *engine = engine_new(rules);
    g_autoptr(GString) head = g_string_new(NULL);
    g_autoptr(GArray) pages = g_array_new(FALSE, FALSE, sizeof(struct engine_page));
    struct page_list list = {pages, 0};
    engine_save(old, true, head, pages);
    engine_save_failed(old); /* this did not go to disk */
    bool ok = engine_restore(engine, head->str, head->len, next_page, &list, changed, e);
    engine_pages_clear(pages);
    if (!ok) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

static bool reload(struct rule_set *rules, struct error *e)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&run.lock);
    bool changed = false;
    struct engine *engine = NULL;
    if (!write_out(true, e)) {
        rule_set_free(rules);
        return false;
    }
    engine = engine_after(run.engine, rules, &changed, e);
    if (engine == NULL || !put_in_force(engine, changed, e)) {
        engine_free(engine);
        return false;
    }
    engine_free(run.engine);
    run.engine = engine;
    run.reconcile = run.reconcile || changed;
    return true;
}

/* ---- the feature ---- */

static bool load(struct hub *h, const struct pack *const *packs, struct error *e)
{
    struct pack_report report = {note_nothing, 0};
    run.hub = h;
    struct rule_set *rules = rule_set_new(packs, &report);
    if (report.mistakes > 0) {
        rule_set_free(rules);
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "the rules of the packs have mistakes; see `zhongshu packs check`",
                         "应用包的规则有误，请运行 zhongshu packs check");
    }
    if (run.engine != NULL) {
        return reload(rules, e);
    }
    rule_set_free(run.loaded);
    run.loaded = rules;
    return true;
}

static struct rule_set *no_rules(void)
{
    static const struct pack *const none[] = {NULL};
    struct pack_report report = {note_nothing, 0};
    return rule_set_new(none, &report);
}

static bool start(struct hub *h, struct error *e)
{
    static const char *const types[] = {"Alarm"};
    struct context_query alarms = {.types = types, .types_count = 1};
    bool changed;
    run.hub = h;
    run.alarms = alarm_index_new();
    rules_api_bind(h, run.alarms);
    counters_register(counters, G_N_ELEMENTS(counters));
    struct rule_set *rules = run.loaded != NULL ? g_steal_pointer(&run.loaded) : no_rules();
    run.silence_from = 0;
    run.engine = engine_at_start(rules, &changed);
    run.saved = engine_seq(run.engine);
    run.saved_at = g_get_monotonic_time();
    run.reconcile = changed;
    view_auto v = view_begin(h->store);
    if (!put_in_force(run.engine, changed, e) || !context_find(v, &alarms, put_alarm, run.alarms, e)) {
        g_clear_pointer(&run.engine, engine_free);
        return false;
    }
    struct log_reader_options o = {
        .name = "rules", .batch = on_batch, .tick = on_tick, .from = engine_seq(run.engine)};
    run.reader = log_reader_start(h->store, &o);
    return true;
}

static void stop(void)
{
    struct error e = {0};
    g_clear_pointer(&run.reader, log_reader_stop);
    if (run.engine != NULL && engine_seq(run.engine) > run.saved && !write_out(true, &e)) {
        log_failure("rules", "cannot keep the state of the rules; the next start reads the log again", &e);
    }
    g_clear_pointer(&run.engine, engine_free);
    g_clear_pointer(&run.loaded, rule_set_free);
    g_clear_pointer(&run.alarms, alarm_index_free);
}

static const struct pack_section sections[] = {
    {"rules", rules_check, "Rules: what raises an alarm, with which severity, and when it clears by itself",
     "规则：什么情况产生告警、何种级别、何时自动解除"},
    {NULL, NULL, NULL, NULL},
};

const struct feature rules_feature = {
    .name = "rules",
    .en = "Rules: readings become alarms",
    .zh = "规则：由读数产生告警",
    .routes = rules_routes,
    .sections = sections,
    .load = load,
    .start = start,
    .stop = stop,
};
