/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a notifier share: notifier.c (the table), notifier_schedule.c (who is next),
 * notifier_work.c (a turn from the log to the endpoint), notifier_follow.c (the thread behind the log),
 * notifier_entry.c (states). */
#pragma once

#include "base/counters.h"
#include "context/subscriptions/notifier.h"
#include "context/subscriptions/subscription_index.h"

enum { REASON_BYTES = 200, MAX_PENDING = 64 };

enum notifier_counter { COUNT_SENT, COUNT_FAILED, COUNT_PARKED, COUNT_SUBSCRIPTIONS, NOTIFIER_COUNTERS };
extern struct counter notifier_counters[NOTIFIER_COUNTERS];

enum phase { IDLE, READY, SENDING, WAITING, PARKED };

/* Where messages go: one for each scheme, host and port. However many subscriptions point to it, a few
 * messages are under way at once, and fewer still while it has not proved to answer. */
struct host {
    char *key;
    int entries;    /* that point to it */
    int active;     /* turns and messages under way */
    bool proven;    /* it answered last time */
    bool listed;    /* in notifier.held */
    GQueue waiting; /* of struct entry that are READY */
};

/* One attempt to notify, or a stretch of the log that was lost, as it is remembered for a while. */
struct delivery {
    GList of_entry, of_all;
    struct entry *entry;
    instant at;
    uint64_t from, to; /* records; 0 for timeInterval */
    int entities;
    int duration_ms;
    int status; /* of HTTP; 0 = none */
    bool ok, lost;
    char *ids;    /* some of them, separated by blanks */
    char *reason; /* NULL when ok */
};

/* One subscription at work. All under the lock, but for def->query while SENDING. */
struct entry {
    gint references; /* the table's, and that of a place in a queue, a turn in a worker or a message on its
                        way */
    struct notifier *owner;
    struct subscription *def;
    struct host *host; /* NULL when it has none: read as a stream */
    enum phase phase;
    uint64_t cursor; /* dealt with up to this record */
    /* What comes after the cursor and applies: the numbers in pending; or, when scanning, it is looked for by
     * reading the log from the cursor on (after a restart, or when too much came at once). */
    GArray *pending;
    bool scanning;
    bool indexed;
    instant due;  /* WAITING: until when */
    instant next; /* of a timeInterval */
    int attempts;
    bool unsaved;
    bool removed;
    int64_t sent, failed;
    instant last, last_success, last_failure;
    bool last_failed;
    char reason[REASON_BYTES];
    uint64_t lost_to;  /* changes up to this one were pruned before they could be sent; 0 = none */
    GQueue deliveries; /* newest first */
};

struct notifier {
    gint references; /* its owner's, and one an entry: a message on its way may outlive the owner */
    struct notifier_options o;
    GMutex lock;
    GHashTable *entries; /* id → struct entry; NULL when stopped */
    struct subscription_index *index;
    GTree *waiting;     /* WAITING entries by due */
    GHashTable *behind; /* entries that need the log from their cursor on */
    GPtrArray *unsaved; /* entries whose state is to be saved; owns references */
    GHashTable *hosts;  /* key → struct host */
    GQueue held;        /* hosts whose turn waits for another unproven host */
    int unproven;       /* messages under way to hosts that have not proved to answer */
    GQueue deliveries;  /* of all entries, newest first */
    uint64_t position;  /* records up to this have been offered to whom they concern */
    uint64_t loaded;    /* at the start: nobody but the parked needs what is before */
    instant started;
    bool stopping;
    GThread *thread;
    GThreadPool *workers;
};

/* ---- notifier_entry.c ---- */

struct entry *entry_ref(struct entry *x);
void entry_unref(struct entry *x);
void notifier_unref(struct notifier *n);
bool entry_is_expired(const struct entry *x, instant now);
/* Should changes be offered to it as they come? */
bool entry_follows(const struct entry *x, instant now);
/* Its state is to be saved. */
void entry_changed(struct entry *x);
/* What is kept of it, as JSON text in a; and the other way round. */
const char *entry_state(struct arena *a, const struct entry *x);
void entry_read_state(struct entry *x, const struct json *state);
/* As its readers see it: the body, whether it is active, its counters. */
struct json *entry_show(struct arena *a, const struct entry *x, instant now);
void entry_set_reason(struct entry *x, const char *reason);
/* Where it stands, in one word: NOTIFIER_STATES. */
const char *entry_standing(const struct entry *x, instant now);

/* ---- deliveries.c ---- */

/* Remembers an attempt; takes d, which delivery_new made. */
struct delivery *delivery_new(instant at);
void delivery_add(struct entry *x, struct delivery *d);
void deliveries_clear(struct entry *x);
struct json *deliveries_show(struct arena *a, const struct entry *x);

/* ---- notifier_schedule.c; all under the lock ---- */

/* A place at a host, from the queue until its message has been answered. */
struct ticket {
    struct entry *entry; /* a reference */
    struct host *host;
    bool unproven; /* counts among the messages to unproven hosts */
    struct delivery *delivery;
    uint64_t upto; /* where the cursor goes when the message is taken */
    gint64 begun;  /* monotonic */
};

void entry_set_phase(struct entry *x, enum phase phase);
void entry_make_ready(struct entry *x);
void entry_wait_until(struct entry *x, instant due);
/* A record applies to it. */
void entry_offer(struct entry *x, uint64_t seq);
/* Puts it into the index or takes it out, as it must be now. */
void entry_settle_index(struct entry *x);
/* What was pending up to this record has been dealt with. */
void entry_has_read(struct entry *x, uint64_t upto);
/* It goes on by reading the log from its cursor. */
void entry_scan(struct entry *x);
void entry_bind_host(struct entry *x);
void entry_release_host(struct entry *x);
/* Gives a place back; answered: whether the host proved to answer (-1 = nothing was sent). */
void ticket_close(struct ticket *t, int answered);
void wake_waiting(struct notifier *n, instant now);
int waiting_order(const void *a, const void *b, void *unused);
void host_free(void *host);

/* ---- notifier_work.c ---- */

/* A ticket's turn, on a worker. */
void run_turn(void *ticket, void *unused);

/* ---- notifier_follow.c ---- */

void *notifier_follow(void *notifier);
