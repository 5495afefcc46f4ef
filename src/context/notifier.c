/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriptions at work: who is ready, who waits, who sends (picture in notifier.h). */
#include "context/notifier.h"

#include <string.h>

#include "base/counters.h"
#include "base/limits.h"
#include "base/log.h"
#include "context/api.h"
#include "context/notifier_entry.h"

enum {
    WORKERS = 3,
    ENTITIES_PER_MESSAGE = 100,
    MESSAGE_BYTES = 1 << 20,  /* no further entity is added to a longer one */
    RECORDS_PER_TURN = 20000, /* records looked at before others get their turn */
    MAX_ATTEMPTS = 8,         /* then the subscription is parked */
    FIRST_BACKOFF_MS = 1000,
    LONGEST_BACKOFF_MS = 120000,
    TICK_MS = 50,
    SAVE_MS = 1000,
};

enum { COUNT_SENT, COUNT_FAILED, COUNT_PARKED, COUNT_SUBSCRIPTIONS };
static struct counter counters[] = {
    {"zhongshu_notifications_sent_total", COUNTER_COUNTER, "Notifications taken by their endpoints",
     "已送达的通知数"},
    {"zhongshu_notifications_failed_total", COUNTER_COUNTER, "Attempts to notify that failed",
     "发送失败的通知次数"},
    {"zhongshu_subscriptions_parked_total", COUNTER_COUNTER, "Subscriptions paused after too many failures",
     "因多次失败而暂停的订阅数"},
    {"zhongshu_subscriptions", COUNTER_GAUGE, "Subscriptions", "订阅数"},
};

struct notifier {
    gint references; /* its owner's, and one an entry: a message on its way may outlive the owner */
    struct notifier_options o;
    GMutex lock;
    GHashTable *entries; /* id → struct entry; NULL when stopped */
    uint64_t position;   /* records up to this have made ready whom they concern */
    uint64_t loaded;     /* at the start: nobody but the parked needs what is before */
    bool stopping;
    GThread *thread;
    GThreadPool *workers;
};

static void notifier_unref(struct notifier *n)
{
    if (g_atomic_int_dec_and_test(&n->references)) {
        g_mutex_clear(&n->lock);
        g_free((char *)n->o.tenant);
        g_free(n);
    }
}

static void entry_unref(struct entry *x)
{
    if (g_atomic_int_dec_and_test(&x->references)) {
        subscription_unref(x->def);
        notifier_unref(x->owner);
        g_free(x);
    }
}

static struct entry *entry_ref(struct entry *x)
{
    g_atomic_int_inc(&x->references);
    return x;
}

/* ---- transitions; all under the lock ---- */

static void make_ready(struct entry *x)
{
    x->phase = READY;
    g_thread_pool_push(x->owner->workers, entry_ref(x), NULL);
}

static void wait_until(struct entry *x, instant due)
{
    x->phase = WAITING;
    x->due = due;
}

static void park(struct entry *x)
{
    x->phase = PARKED;
    counter_add(&counters[COUNT_PARKED], 1);
    log_warning("notifier", "%s is paused after %d failures: %s", x->def->id, x->attempts, x->reason);
}

/* Nothing in the log up to `upto` applies any more. */
static void has_read(struct entry *x, uint64_t upto)
{
    x->unsaved |= upto != x->cursor;
    x->cursor = upto;
    if (x->cursor >= x->owner->position) {
        x->phase = IDLE;
    } else {
        make_ready(x);
    }
}

static void has_sent(struct entry *x, instant now)
{
    x->sent++;
    x->last = x->last_success = now;
    x->last_failed = false;
    x->attempts = 0;
    x->reason[0] = '\0';
    counter_add(&counters[COUNT_SENT], 1);
    if (x->def->interval > 0) {
        wait_until(x, x->next);
    } else if (x->def->throttling > 0) {
        x->cursor = x->upto;
        wait_until(x, now + x->def->throttling);
    } else {
        has_read(x, x->upto);
    }
}

static void has_failed(struct entry *x, instant now, const char *reason)
{
    int64_t backoff = MIN((int64_t)FIRST_BACKOFF_MS << MIN(x->attempts, 20), LONGEST_BACKOFF_MS);
    x->sent++;
    x->failed++;
    x->last = x->last_failure = now;
    x->last_failed = true;
    x->attempts++;
    const char *end;
    g_strlcpy(x->reason, reason != NULL ? reason : "", sizeof x->reason);
    if (!g_utf8_validate(x->reason, -1, &end)) {
        x->reason[end - x->reason] = '\0';
    }
    counter_add(&counters[COUNT_FAILED], 1);
    if (x->attempts >= MAX_ATTEMPTS) {
        park(x);
    } else {
        wait_until(x, now + MAX(backoff, x->def->endpoint.cooldown_ms) * 1000);
    }
}

/* ---- a worker's turn: read, render, send ---- */

/* What a turn has found. */
struct turn {
    struct store *store;
    struct subscription *s;
    uint64_t cursor;
    GPtrArray *texts; /* of the entities, owned */
    GHashTable *ids;  /* id → place in texts, plus one */
    size_t bytes;
    bool coalesce; /* throttled: the last of several changes of an entity stands for all */
};

static void turn_init(struct turn *t, struct entry *x)
{
    *t = (struct turn){.store = x->owner->o.store,
                       .s = subscription_ref(x->def),
                       .cursor = x->cursor,
                       .coalesce = x->def->throttling > 0};
    t->texts = g_ptr_array_new_with_free_func(g_free);
    t->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void turn_clear(struct turn *t)
{
    g_ptr_array_unref(t->texts);
    g_hash_table_unref(t->ids);
    subscription_unref(t->s);
}

/* Is there room for this record's entity? */
static bool has_room(const struct turn *t, const char *id)
{
    bool again = g_hash_table_contains(t->ids, id);
    return again ? t->coalesce : t->texts->len < ENTITIES_PER_MESSAGE && t->bytes < MESSAGE_BYTES;
}

static void put_text(struct turn *t, const char *id, char *text)
{
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(t->ids, id));
    t->bytes += strlen(text);
    if (place > 0) {
        g_free(t->texts->pdata[place - 1]);
        t->texts->pdata[place - 1] = text;
        return;
    }
    g_ptr_array_add(t->texts, text);
    g_hash_table_insert(t->ids, g_strdup(id), GUINT_TO_POINTER(t->texts->len));
}

static void take_record(struct turn *t, struct view *v, const struct json *record)
{
    GString *text = g_string_new("");
    if (notification_add(text, t->s, v, record)) {
        put_text(t, json_get_string(record, "id"), g_string_free(text, FALSE));
    } else {
        g_string_free(text, TRUE);
    }
}

/* Takes the records of a batch after the cursor; false when the message is full. */
static bool take_batch(struct turn *t, struct view *v, const struct log_batch *b)
{
    uint64_t end = b->first + (uint64_t)b->count;
    for (uint64_t seq = MAX(t->cursor + 1, b->first); seq < end; seq++) {
        const struct json *record = b->records[seq - b->first];
        if (notification_triggers(t->s, record) != 0) {
            if (!has_room(t, json_get_string(record, "id"))) {
                return false;
            }
            take_record(t, v, record);
        }
        t->cursor = seq;
    }
    return true;
}

/* Reads on from the cursor until a message is full, the log ends or enough was read. */
static void read_log(struct turn *t)
{
    uint64_t from = t->cursor;
    view_auto v = view_begin(t->store);
    bool more = true;
    while (more && t->cursor - from < RECORDS_PER_TURN) {
        struct error e = {0};
        struct log_batch *b = store_log_read(t->store, t->cursor, &e);
        if (b == NULL && e.code == ERROR_NOT_FOUND) {
            log_warning("notifier",
                        "%s: changes up to %" G_GUINT64_FORMAT " were pruned before they were sent", t->s->id,
                        store_log_start(t->store) - 1);
            t->cursor = store_log_start(t->store) - 1;
            continue;
        }
        if (b == NULL) {
            break;
        }
        more = take_batch(t, v, b);
        log_batch_unref(b);
    }
}

static bool add_current(void *user, const struct json *entity)
{
    struct turn *t = user;
    arena_auto a = arena_new();
    struct render render = t->s->render;
    GString *text = g_string_new("");
    render.arena = a;
    if (t->s->endpoint.accept == ACCEPT_GEO_JSON) {
        render_feature(text, entity, &render);
    } else {
        render_entity(text, entity, &render);
    }
    put_text(t, json_get_string(entity, "id"), g_string_free(text, FALSE));
    return t->bytes < MESSAGE_BYTES;
}

/* timeInterval: all that match now. */
static void read_current(struct turn *t)
{
    struct error e = {0};
    struct query_page page = {.limit = LIMIT_PAGE};
    view_auto v = view_begin(t->store);
    if (!entity_query_run(&t->s->query, v, &page, add_current, t, &e)) {
        log_failure("notifier", t->s->id, &e);
    }
}

static void on_sent(void *user, bool ok, const char *reason)
{
    struct entry *x = user;
    g_mutex_lock(&x->owner->lock);
    if (!x->owner->stopping && !x->removed && x->phase == SENDING) {
        x->unsaved = true;
        if (ok) {
            has_sent(x, instant_now());
        } else {
            has_failed(x, instant_now(), reason);
        }
    }
    g_mutex_unlock(&x->owner->lock);
    entry_unref(x);
}

/* Begins a turn; false when the entry is no longer to be served. */
static bool begin_turn(struct entry *x, struct turn *t)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&x->owner->lock);
    if (x->owner->stopping || x->removed || x->phase != READY) {
        return false;
    }
    if (!x->def->active || entry_is_expired(x, instant_now())) {
        x->phase = IDLE;
        x->cursor = x->owner->position;
        return false;
    }
    x->phase = SENDING;
    turn_init(t, x);
    return true;
}

static void end_without_message(struct entry *x, const struct turn *t)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&x->owner->lock);
    if (x->owner->stopping || x->removed || x->phase != SENDING) {
        return;
    }
    if (t->s->interval > 0) {
        wait_until(x, x->next);
    } else {
        has_read(x, t->cursor);
    }
}

/* The caller's reference to x goes with the message. */
static void send(struct entry *x, struct turn *t)
{
    g_ptr_array_add(t->texts, NULL);
    g_autofree char *joined = g_strjoinv(",", (char **)t->texts->pdata);
    g_mutex_lock(&x->owner->lock);
    x->upto = t->cursor;
    g_mutex_unlock(&x->owner->lock);
    notification_send(x->owner->o.client, t->s, notification_message(t->s, joined), on_sent, x);
}

static void run_turn(void *data, void *unused)
{
    struct entry *x = data;
    struct turn t;
    if (!begin_turn(x, &t)) {
        entry_unref(x);
        return;
    }
    if (t.s->interval > 0) {
        read_current(&t);
    } else {
        read_log(&t);
    }
    if (t.texts->len == 0) {
        end_without_message(x, &t);
        entry_unref(x);
    } else {
        send(x, &t);
    }
    turn_clear(&t);
}

/* ---- the thread: follows the log, keeps the time, saves ---- */

/* The types of all records of a batch, so that most subscriptions are passed over at one look. */
static GHashTable *types_of(const struct log_batch *b)
{
    GHashTable *types = g_hash_table_new(g_str_hash, g_str_equal);
    for (int i = 0; i < b->count; i++) {
        for (const struct json *t = json_first(json_get(b->records[i], "type")); t != NULL; t = t->next) {
            if (t->type == JSON_STRING) {
                g_hash_table_add(types, (gpointer)t->string);
            }
        }
    }
    return types;
}

static bool batch_may_concern(const struct subscription *s, GHashTable *types)
{
    for (const char *const *t = s->types; t != NULL && *t != NULL; t++) {
        if (g_hash_table_contains(types, *t)) {
            return true;
        }
    }
    return s->types == NULL;
}

static bool may_concern(const struct subscription *s, const struct json *record)
{
    for (const char *const *t = s->types; t != NULL && *t != NULL; t++) {
        if (context_has_type(record, *t)) {
            return true;
        }
    }
    return s->types == NULL;
}

/* Under the lock: the first record of the batch that may concern an idle entry wakes it. */
static void offer(struct notifier *n, struct entry *x, const struct log_batch *b)
{
    for (int i = 0; i < b->count && x->phase == IDLE; i++) {
        uint64_t seq = b->first + (uint64_t)i;
        if (seq > n->position && may_concern(x->def, b->records[i]) &&
            notification_triggers(x->def, b->records[i]) != 0) {
            x->cursor = MAX(x->cursor, seq - 1);
            make_ready(x);
        }
    }
}

static void offer_batch(struct notifier *n, const struct log_batch *b)
{
    g_autoptr(GHashTable) types = types_of(b);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    GHashTableIter i;
    void *x;
    g_hash_table_iter_init(&i, n->entries);
    while (g_hash_table_iter_next(&i, NULL, &x)) {
        struct entry *entry = x;
        if (entry->phase == IDLE && entry->def->interval == 0 && entry->def->active &&
            batch_may_concern(entry->def, types)) {
            offer(n, entry, b);
        }
    }
    n->position = MAX(n->position, b->first + (uint64_t)b->count - 1);
}

static void follow_log(struct notifier *n)
{
    while (true) {
        struct error e = {0};
        struct log_batch *b = store_log_read(n->o.store, n->position, &e);
        if (b == NULL && e.code == ERROR_NOT_FOUND) {
            n->position = store_log_start(n->o.store) - 1;
        } else if (b == NULL) {
            return;
        } else {
            offer_batch(n, b);
            log_batch_unref(b);
        }
    }
}

static void wake_waiting(struct notifier *n, instant now)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    GHashTableIter i;
    void *key;
    g_hash_table_iter_init(&i, n->entries);
    while (g_hash_table_iter_next(&i, NULL, &key)) {
        struct entry *x = key;
        if (x->phase != WAITING || x->due > now) {
            continue;
        }
        if (x->def->interval > 0) {
            x->next = MAX(x->next + x->def->interval, now);
        }
        make_ready(x);
    }
}

/* ---- keeping the states ---- */

/* One transaction with the states that have changed. */
struct save {
    struct store_job job;
    struct arena *a;
    GPtrArray *pairs; /* id, text, id, text, … in the arena */
    uint64_t cursor;
};

static bool apply_save(struct store_job *job, struct txn *t, struct error *e)
{
    struct save *s = (struct save *)job;
    for (guint i = 0; i < s->pairs->len; i += 2) {
        const char *id = s->pairs->pdata[i];
        const char *text = s->pairs->pdata[i + 1];
        if (!txn_kv_put(t, NOTIFIER_SPACE, id, strlen(id), text, strlen(text), e)) {
            return false;
        }
    }
    return txn_cursor(t, NOTIFIER_CURSOR, s->cursor, e);
}

/* Under the lock: gathers what is unsaved, and how far all have come together: nobody but the parked needs
 * what is before. */
static void gather(struct notifier *n, struct save *s)
{
    GHashTableIter i;
    void *key, *value;
    s->cursor = n->position;
    g_hash_table_iter_init(&i, n->entries);
    while (g_hash_table_iter_next(&i, &key, &value)) {
        struct entry *x = value;
        bool behind =
            x->def->interval == 0 && (x->phase == READY || x->phase == SENDING || x->phase == WAITING);
        s->cursor = behind ? MIN(s->cursor, x->cursor) : s->cursor;
        if (x->unsaved) {
            x->unsaved = false;
            g_ptr_array_add(s->pairs, arena_strdup(s->a, key));
            g_ptr_array_add(s->pairs, (gpointer)entry_state(s->a, x));
        }
    }
}

static void save_states(struct notifier *n, uint64_t *saved)
{
    arena_auto a = arena_new();
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    struct save s = {.job = {.apply = apply_save}, .a = a, .pairs = pairs};
    struct error e = {0};
    g_mutex_lock(&n->lock);
    gather(n, &s);
    g_mutex_unlock(&n->lock);
    if ((pairs->len > 0 || s.cursor != *saved) && !store_run(n->o.store, &s.job, &e)) {
        log_failure("notifier", "save the states", &e);
    }
    *saved = s.cursor;
}

static bool is_stopping(struct notifier *n)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    return n->stopping;
}

static void *run(void *user)
{
    struct notifier *n = user;
    uint64_t saved = UINT64_MAX;
    gint64 next_save = 0;
    while (!is_stopping(n)) {
        follow_log(n);
        wake_waiting(n, instant_now());
        if (g_get_monotonic_time() >= next_save) {
            save_states(n, &saved);
            next_save = g_get_monotonic_time() + SAVE_MS * 1000;
        }
        store_log_wait(n->o.store, n->position, TICK_MS);
    }
    save_states(n, &saved);
    return NULL;
}

struct notifier *notifier_start(const struct notifier_options *o)
{
    counters_register(counters, G_N_ELEMENTS(counters));
    view_auto v = view_begin(o->store);
    uint64_t cursor = view_cursor(v, NOTIFIER_CURSOR);
    struct notifier *n = g_new0(struct notifier, 1);
    n->references = 1;
    n->o = *o;
    n->o.tenant = g_strdup(o->tenant);
    g_mutex_init(&n->lock);
    n->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)entry_unref);
    n->loaded = cursor;
    n->position = cursor != 0 ? cursor : store_log_end(o->store);
    n->workers = g_thread_pool_new(run_turn, NULL, WORKERS, FALSE, NULL);
    return n;
}

/* After the stored subscriptions have been put. */
static void start_thread(struct notifier *n)
{
    if (n->thread == NULL) {
        n->thread = g_thread_new("notifier", run, n);
    }
}

void notifier_stop(struct notifier *n)
{
    if (n == NULL) {
        return;
    }
    g_mutex_lock(&n->lock);
    n->stopping = true;
    g_mutex_unlock(&n->lock);
    if (n->thread != NULL) {
        g_thread_join(g_steal_pointer(&n->thread));
    }
    g_thread_pool_free(g_steal_pointer(&n->workers), FALSE, TRUE);
    g_mutex_lock(&n->lock);
    GHashTable *entries = g_steal_pointer(&n->entries);
    g_mutex_unlock(&n->lock);
    counter_add(&counters[COUNT_SUBSCRIPTIONS], -(int64_t)g_hash_table_size(entries));
    g_hash_table_unref(entries);
    notifier_unref(n);
}

/* ---- the table ---- */

/* Under the lock: sets a new or changed entry going. */
static void begin(struct notifier *n, struct entry *x)
{
    instant now = instant_now();
    if (x->def->interval > 0 && x->phase != SENDING) {
        x->next = now + x->def->interval;
        wait_until(x, x->next);
    } else if (x->def->interval == 0 &&
               (x->phase == WAITING || x->phase == READY || x->cursor < n->position)) {
        make_ready(x);
    }
}

static struct entry *entry_new(struct notifier *n, struct subscription *s, const struct json *state)
{
    struct entry *x = g_new0(struct entry, 1);
    x->references = 1;
    x->owner = n;
    g_atomic_int_inc(&n->references);
    x->def = subscription_ref(s);
    x->unsaved = true;
    if (state != NULL) {
        entry_read_state(x, state);
        x->cursor = x->phase == PARKED ? x->cursor : MAX(x->cursor, n->loaded);
    } else {
        x->cursor = store_log_end(n->o.store);
    }
    return x;
}

/* A new version takes the place of the old one; what it was doing goes on. */
static void replace(struct notifier *n, struct entry *x, struct subscription *s)
{
    instant now = instant_now();
    bool was_on = x->def->active && !entry_is_expired(x, now);
    bool was_parked = x->phase == PARKED;
    subscription_unref(x->def);
    x->def = subscription_ref(s);
    x->attempts = 0;
    x->unsaved = true;
    if (was_parked && s->active) {
        x->phase = WAITING;
        x->due = now;
    } else if (!was_on) {
        x->cursor = store_log_end(n->o.store);
    }
}

void notifier_put(struct notifier *n, struct subscription *s, const struct json *state)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    if (n->entries == NULL) {
        return;
    }
    s->tenant = n->o.tenant;
    struct entry *x = g_hash_table_lookup(n->entries, s->id);
    if (x != NULL) {
        replace(n, x, s);
    } else {
        x = entry_new(n, s, state);
        g_hash_table_insert(n->entries, g_strdup(s->id), x);
        counter_add(&counters[COUNT_SUBSCRIPTIONS], 1);
    }
    if (x->phase != PARKED && x->phase != SENDING) {
        begin(n, x);
    }
    start_thread(n);
}

bool notifier_remove(struct notifier *n, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    struct entry *x = n->entries != NULL ? g_hash_table_lookup(n->entries, id) : NULL;
    if (x == NULL) {
        return false;
    }
    x->removed = true;
    g_hash_table_remove(n->entries, id);
    counter_add(&counters[COUNT_SUBSCRIPTIONS], -1);
    return true;
}

struct subscription *notifier_find(struct notifier *n, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    struct entry *x = n->entries != NULL ? g_hash_table_lookup(n->entries, id) : NULL;
    return x != NULL ? subscription_ref(x->def) : NULL;
}

int notifier_count(struct notifier *n)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    return n->entries != NULL ? (int)g_hash_table_size(n->entries) : 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **notifier_ids(struct notifier *n, int64_t offset, int64_t limit)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    guint count = 0;
    g_autofree gpointer *all = g_hash_table_get_keys_as_array(n->entries, &count);
    qsort(all, count, sizeof *all, by_text);
    g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
    for (int64_t i = offset; i < (int64_t)count && i < offset + limit; i++) {
        g_strv_builder_add(ids, all[i]);
    }
    return g_strv_builder_end(ids);
}

struct json *notifier_describe(struct notifier *n, struct arena *a, const char *id)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&n->lock);
    const struct entry *x = n->entries != NULL ? g_hash_table_lookup(n->entries, id) : NULL;
    return x != NULL ? entry_show(a, x, instant_now()) : NULL;
}
