/* SPDX-License-Identifier: Apache-2.0 */
/* One subscription at work, for notifier.c. */
#pragma once

#include "context/notifier.h"

enum { REASON_BYTES = 200 };

enum phase { IDLE, READY, SENDING, WAITING, PARKED };

/* One subscription at work. All under the lock, but for def->query while SENDING. */
struct entry {
    gint references;        /* the table's, and that of a turn in a worker or a message on its way */
    struct notifier *owner; /* a reference */
    struct subscription *def;
    enum phase phase;
    uint64_t cursor; /* dealt with up to this record */
    uint64_t upto;   /* SENDING: where the cursor goes when the message is taken */
    instant due;     /* WAITING: until when */
    instant next;    /* of a timeInterval */
    int attempts;
    bool unsaved;
    bool removed;
    int64_t sent, failed;
    instant last, last_success, last_failure;
    bool last_failed;
    char reason[REASON_BYTES];
};

bool entry_is_expired(const struct entry *x, instant now);
/* What is kept of it, as JSON text in a; and the other way round. */
const char *entry_state(struct arena *a, const struct entry *x);
void entry_read_state(struct entry *x, const struct json *state);
/* As its readers see it: the body, whether it is active, its counters. */
struct json *entry_show(struct arena *a, const struct entry *x, instant now);
