/* SPDX-License-Identifier: Apache-2.0 */
/* What a device would read at any moment: a pure function of the world's seed and the time, so that a demo
 * that is started again goes on where it was. */
#pragma once

#include "demo/world.h"

double driver_value(const struct world *w, int driver, instant t);
/* A signal as it would be if nothing went wrong, bounded, not rounded. */
double signal_plain(const struct world *w, const struct device *d, const struct signal *s, instant t);
/* With the incidents of that moment; bounded and rounded to the signal's decimals. */
double signal_value(const struct world *w, const struct device *d, int signal, instant t);
/* Does a fault keep the device from sending? */
bool device_silent(const struct world *w, const struct device *d, instant t);
/* The message of the device at t: {"ts": "…", signal: value, …}. */
void device_message(const struct world *w, const struct device *d, instant t, GString *out);

/* One happening of an incident. */
struct occurrence {
    const struct device *target;
    instant start, end;
    uint64_t key;
};
/* The one of the given slot (slot × every is its earliest start). */
struct occurrence incident_occurrence(const struct incident *i, int64_t slot);
