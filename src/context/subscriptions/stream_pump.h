/* SPDX-License-Identifier: Apache-2.0 */
/* Wakes the live streams of the context module: after commits of the default space (at once when all was
 * quiet, at most 20 times a second when it is busy), and those that have been silent for long. */
#pragma once

#include "http/http.h"
#include "store/store.h"

enum { STREAM_HEARTBEAT_S = 15 };

/* The part of a connection that the pump knows. */
struct pumped {
    struct stream *stream;
    _Atomic gint64 last_sent; /* monotonic µs */
    gint heartbeat;           /* set by the pump: it has been silent for long */
    bool polled;              /* follows another space: woken every second */
};
void stream_pump_add(struct pumped *p);
void stream_pump_remove(struct pumped *p);

void stream_pump_start(struct store *s);
/* After the HTTP server has stopped. Does nothing when not started. */
void stream_pump_stop(void);
