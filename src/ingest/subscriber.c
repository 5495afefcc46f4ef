/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriber's two threads: the client's, which maps, and the committer. */
#include "ingest/subscriber.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "context/context.h"
#include "ingest/rejected.h"

/* A batch grows while the one before it is being committed; beyond these the broker waits. */
enum { BATCH_MESSAGES = 5000, BATCH_BYTES = 8 << 20 };
enum { FIRST_WAIT_MS = 100, LONGEST_WAIT_MS = 5000 };

enum { RECEIVED, ACCEPTED, REJECTED, PARTIAL, COMMITS, RETRIES };
struct counter subscriber_counters[SUBSCRIBER_COUNTERS] = {
    {"zhongshu_ingest_messages_total", COUNTER_COUNTER, "MQTT messages received", "收到的 MQTT 消息数"},
    {"zhongshu_ingest_accepted_total", COUNTER_COUNTER, "Fragments of entities written from messages",
     "由消息写入的实体片段数"},
    {"zhongshu_ingest_rejected_total", COUNTER_COUNTER, "Messages rejected as a whole", "整条被拒绝的消息数"},
    {"zhongshu_ingest_partial_total", COUNTER_COUNTER, "Messages of which some attributes were rejected",
     "部分属性被拒绝的消息数"},
    {"zhongshu_ingest_commits_total", COUNTER_COUNTER, "Batches of messages committed", "提交的消息批次数"},
    {"zhongshu_ingest_retries_total", COUNTER_COUNTER, "Batches tried again after the store refused them",
     "存储拒绝后重试的批次数"},
};

struct message {
    const char *topic, *payload;
    size_t length;
    uint64_t token;
    bool duplicate;
    bool oversize; /* payload is empty, length that of the packet */
    instant arrived;
    struct mapped *mapped;
};

struct batch {
    struct store_job job;
    struct arena *kept;   /* topics and payloads: for rejections, and to map again */
    struct arena *mapped; /* what they became; used up by a try */
    GArray *messages;     /* of struct message */
    struct mapping *mapping;
    unsigned generation; /* of the client that the tokens belong to */
    size_t bytes;
    int64_t rejections; /* added to the list by this try */
    int64_t kept_rejections;
};

struct subscriber {
    struct hub *hub;
    char client_id[40];
    GThread *committer;

    GMutex lock; /* of all below */
    GCond work;
    struct mapping *mapping;
    struct batch *gathering;
    bool stopping;
    bool paused;
    unsigned generation;
    struct subscriber_state state;

    GMutex client_lock; /* of the client and its generation; taken before lock, never inside it */
    struct mqtt_client *client;
    unsigned client_generation;

    int64_t rejections; /* in the list; committer only */
};

/* ---- batches ---- */

static struct batch *batch_new(struct mapping *m, unsigned generation)
{
    struct batch *b = g_new0(struct batch, 1);
    b->kept = arena_new();
    b->mapped = arena_new();
    b->messages = g_array_new(FALSE, FALSE, sizeof(struct message));
    b->mapping = mapping_ref(m);
    b->generation = generation;
    return b;
}

static void batch_free(struct batch *b)
{
    if (b != NULL) {
        arena_free(b->kept);
        arena_free(b->mapped);
        g_array_unref(b->messages);
        mapping_unref(b->mapping);
        g_free(b);
    }
}

static struct mapped *map_message(const struct batch *b, const struct message *m)
{
    return m->oversize ? mapping_oversize(b->mapped, m->topic, m->length)
                       : mapping_message(b->mapping, b->mapped, m->topic, m->payload, m->length, m->arrived);
}

static void batch_add(struct batch *b, const struct mqtt_message *m, bool oversize)
{
    struct message copy = {
        .topic = arena_strdup(b->kept, m->topic),
        .payload = oversize ? "" : arena_strndup(b->kept, m->payload, m->length),
        .length = m->length,
        .token = m->token,
        .duplicate = m->duplicate,
        .oversize = oversize,
        .arrived = instant_now(),
    };
    copy.mapped = map_message(b, &copy);
    g_array_append_val(b->messages, copy);
    b->bytes += (oversize ? 0 : m->length) + 512;
}

/* A try has used up the fragments: make them again from the payloads. */
static void batch_map_again(struct batch *b)
{
    arena_clear(b->mapped);
    for (guint i = 0; i < b->messages->len; i++) {
        struct message *m = &g_array_index(b->messages, struct message, i);
        m->mapped = map_message(b, m);
    }
}

static bool batch_is_full(const struct batch *b)
{
    return b->messages->len >= BATCH_MESSAGES || b->bytes >= BATCH_BYTES;
}

/* ---- inside the transaction ---- */

/* Is the fault one of the message, and not of the store? */
static bool is_about_content(const struct error *e)
{
    int status = error_status(e->code);
    return status >= 400 && status < 500 && e->code != ERROR_TOO_MANY_REQUESTS;
}

static bool write_mapped(struct batch *b, struct txn *t, struct mapped *m, struct error *e)
{
    struct error failure = {0};
    if (m->fragment == NULL ||
        context_write(t, b->mapped, m->fragment, CONTEXT_UPDATE, CONTEXT_KEEP_NEWER | CONTEXT_SKIP_EQUAL,
                      m->input->by, NULL, &failure)) {
        return true;
    }
    if (!is_about_content(&failure)) {
        *e = failure;
        return false;
    }
    mapped_add_fault(m, b->mapped, NULL, "%s%.0s", "%.0s%s", failure.en, failure.zh);
    return true;
}

static bool write_message(struct batch *b, struct txn *t, const struct message *m, int index, struct error *e)
{
    for (struct mapped *one = m->mapped; one != NULL; one = one->next) {
        if (!write_mapped(b, t, one, e)) {
            return false;
        }
        struct rejected_message r = {one,          m->topic, m->payload, m->oversize ? 0 : m->length,
                                     m->duplicate, index};
        bool added = false;
        if (one->faults != NULL && !rejected_put(t, &r, &added, e)) {
            return false;
        }
        b->rejections += added;
    }
    return true;
}

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct batch *b = (struct batch *)job;
    b->rejections = 0;
    for (guint i = 0; i < b->messages->len; i++) {
        if (!write_message(b, t, &g_array_index(b->messages, struct message, i), (int)i, e)) {
            return false;
        }
    }
    int64_t removed = rejected_prune(t, b->kept_rejections + b->rejections, e);
    b->rejections -= removed;
    return removed >= 0;
}

/* ---- the committer ---- */

static void count_mapped(const struct mapped *m, instant at)
{
    bool taken = m->fragment != NULL;
    counter_add(&subscriber_counters[taken ? ACCEPTED : REJECTED], 1);
    counter_add(&subscriber_counters[PARTIAL], taken && m->faults != NULL);
    if (m->input != NULL) {
        struct input_counts *c = m->input->counts;
        __atomic_fetch_add(&c->received, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(taken ? &c->accepted : &c->rejected, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&c->partial, taken && m->faults != NULL, __ATOMIC_RELAXED);
        __atomic_store_n(&c->last_at, at, __ATOMIC_RELAXED);
    }
}

static void acknowledge(struct subscriber *s, const struct batch *b)
{
    g_autofree uint64_t *tokens = g_new(uint64_t, b->messages->len + 1);
    int count = 0;
    for (guint i = 0; i < b->messages->len; i++) {
        const struct message *m = &g_array_index(b->messages, struct message, i);
        for (const struct mapped *one = m->mapped; one != NULL; one = one->next) {
            count_mapped(one, m->arrived);
        }
        if (m->token != 0) {
            tokens[count++] = m->token;
        }
    }
    counter_add(&subscriber_counters[COMMITS], 1);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->client_lock);
    if (s->client != NULL && s->client_generation == b->generation && count > 0) {
        mqtt_ack(s->client, tokens, count);
    }
}

/* Tells the client what s->paused says at this moment, so that of two who change it the later one wins. */
static void tell_client(struct subscriber *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->client_lock);
    g_mutex_lock(&s->lock);
    bool pause = s->paused;
    g_mutex_unlock(&s->lock);
    if (s->client != NULL) {
        mqtt_pause(s->client, pause);
    }
}

/* Makes the broker wait, and waits itself. False when it is time to stop. */
static bool hold(struct subscriber *s, const struct error *why, int *wait_ms)
{
    g_mutex_lock(&s->lock);
    bool first = !s->state.holding;
    s->state.holding = s->paused = true;
    g_strlcpy(s->state.hold_reason, why->en, sizeof s->state.hold_reason);
    g_mutex_unlock(&s->lock);
    if (first) {
        log_failure("ingest", "the store takes no readings; the broker keeps them", why);
        tell_client(s);
    }
    counter_add(&subscriber_counters[RETRIES], 1);
    gint64 until = g_get_monotonic_time() + *wait_ms * G_TIME_SPAN_MILLISECOND;
    *wait_ms = MIN(*wait_ms * 2, LONGEST_WAIT_MS);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    while (!s->stopping && g_cond_wait_until(&s->work, &s->lock, until)) {
    }
    return !s->stopping;
}

static void release(struct subscriber *s)
{
    g_mutex_lock(&s->lock);
    bool held = s->state.holding;
    bool resume = s->paused;
    s->state.holding = s->paused = false;
    s->state.hold_reason[0] = '\0';
    g_mutex_unlock(&s->lock);
    if (held) {
        log_info("ingest", "the store takes readings again");
    }
    if (resume) {
        tell_client(s);
    }
}

/* Tries until the batch is on disk. False when it is time to stop. */
static bool commit(struct subscriber *s, struct batch *b)
{
    struct error e = {0};
    int wait_ms = FIRST_WAIT_MS;
    b->kept_rejections = s->rejections;
    b->job = (struct store_job){.apply = apply};
    while (!store_run(s->hub->store, &b->job, &e)) {
        if (!hold(s, &e, &wait_ms)) {
            return false;
        }
        batch_map_again(b);
        b->job = (struct store_job){.apply = apply};
    }
    s->rejections += b->rejections;
    return true;
}

/* Waits for messages; NULL when it is time to stop. */
static struct batch *take_batch(struct subscriber *s)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    while (!s->stopping && (s->gathering == NULL || s->gathering->messages->len == 0)) {
        g_cond_wait(&s->work, &s->lock);
    }
    if (s->stopping) {
        return NULL;
    }
    s->state.waiting = s->gathering->messages->len;
    return g_steal_pointer(&s->gathering);
}

static void *committer(void *user)
{
    struct subscriber *s = user;
    for (struct batch *b; (b = take_batch(s)) != NULL;) {
        bool done = commit(s, b);
        if (done) {
            acknowledge(s, b);
            release(s);
        }
        batch_free(b);
        g_mutex_lock(&s->lock);
        s->state.waiting = 0;
        g_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* ---- the client's callbacks ---- */

static void gather(struct subscriber *s, const struct mqtt_message *message, bool oversize)
{
    counter_add(&subscriber_counters[RECEIVED], 1);
    g_mutex_lock(&s->lock);
    if (s->gathering == NULL) {
        s->gathering = batch_new(s->mapping, s->generation);
    }
    batch_add(s->gathering, message, oversize);
    bool full = batch_is_full(s->gathering) && !s->paused;
    s->paused = s->paused || full;
    g_mutex_unlock(&s->lock);
    if (full) {
        tell_client(s);
    }
}

static void on_message(void *user, const struct mqtt_message *message)
{
    gather(user, message, false);
}

static void on_oversize(void *user, const struct mqtt_message *message)
{
    gather(user, message, true);
}

static void on_idle(void *user)
{
    struct subscriber *s = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    if (s->gathering != NULL) {
        g_cond_signal(&s->work);
    }
}

static void on_state(void *user, bool connected, const char *reason)
{
    struct subscriber *s = user;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    bool changed = connected != s->state.connected || s->state.since == 0;
    s->state.connected = connected;
    g_strlcpy(s->state.reason, connected || reason == NULL ? "" : reason, sizeof s->state.reason);
    if (!changed) {
        return;
    }
    s->state.since = instant_now();
    if (connected) {
        log_info("ingest", "connected to the broker at %s:%d as %s", s->hub->mqtt_host, s->hub->mqtt_port,
                 s->client_id);
    } else {
        log_warning("ingest", "no connection to the broker at %s:%d: %s", s->hub->mqtt_host,
                    s->hub->mqtt_port, s->state.reason);
    }
}

/* ---- starting, changing, stopping ---- */

/* The broker knows the session by this name: the same for the same directory on the same machine. */
static void make_client_id(struct subscriber *s)
{
    g_autofree char *real = realpath(s->hub->data_dir, NULL);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    g_autofree char *place = g_strdup_printf("%s:%s", host, real != NULL ? real : s->hub->data_dir);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, place, -1);
    g_snprintf(s->client_id, sizeof s->client_id, "zhongshu-%.12s", sum);
}

struct subscriber *subscriber_new(struct hub *h)
{
    struct subscriber *s = g_new0(struct subscriber, 1);
    s->hub = h;
    make_client_id(s);
    view_auto v = view_begin(h->store);
    s->rejections = rejected_count(v);
    s->committer = g_thread_new("ingest", committer, s);
    return s;
}

static void connect_client(struct subscriber *s, const char *const *filters)
{
    struct mqtt_options o = {
        .host = s->hub->mqtt_host,
        .port = s->hub->mqtt_port,
        .client_id = s->client_id,
        .user_name = s->hub->mqtt_user,
        .password = s->hub->mqtt_password,
        .topics = filters,
        .on_message = on_message,
        .on_oversize = on_oversize,
        .on_idle = on_idle,
        .on_state = on_state,
        .user = s,
    };
    if (filters[0] == NULL) {
        return;
    }
    /* The lock is held until the client is known: its first messages may be committed before this returns. */
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->client_lock);
    g_mutex_lock(&s->lock);
    s->client_generation = s->generation;
    bool paused = s->paused;
    g_mutex_unlock(&s->lock);
    s->client = mqtt_client_new(&o);
    mqtt_pause(s->client, paused);
}

/* Tokens of the old client mean nothing to the next one: messages that were not acknowledged come again. */
static void disconnect_client(struct subscriber *s)
{
    g_mutex_lock(&s->client_lock);
    struct mqtt_client *old = g_steal_pointer(&s->client);
    g_mutex_unlock(&s->client_lock);
    mqtt_client_free(old);
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    s->generation++;
    batch_free(g_steal_pointer(&s->gathering));
    s->state.connected = false;
    s->state.since = 0;
}

static bool same_filters(const struct mapping *a, const struct mapping *b)
{
    return a != NULL && g_strv_equal(mapping_filters(a), mapping_filters(b));
}

void subscriber_map(struct subscriber *s, struct mapping *m)
{
    g_mutex_lock(&s->lock);
    struct mapping *old = s->mapping;
    s->mapping = mapping_ref(m);
    bool same = same_filters(old, m);
    g_mutex_unlock(&s->lock);
    mapping_unref(old);
    if (!same) {
        disconnect_client(s);
        connect_client(s, mapping_filters(m));
    }
}

void subscriber_free(struct subscriber *s)
{
    if (s == NULL) {
        return;
    }
    disconnect_client(s);
    g_mutex_lock(&s->lock);
    s->stopping = true;
    g_cond_signal(&s->work);
    g_mutex_unlock(&s->lock);
    g_thread_join(s->committer);
    batch_free(s->gathering);
    mapping_unref(s->mapping);
    g_free(s);
}

void subscriber_state(struct subscriber *s, struct subscriber_state *state)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&s->lock);
    *state = s->state;
    g_strlcpy(state->client_id, s->client_id, sizeof state->client_id);
    state->waiting += s->gathering != NULL ? s->gathering->messages->len : 0;
}
