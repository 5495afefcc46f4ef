/* SPDX-License-Identifier: Apache-2.0 */
/* Slows down guessing: attempts to sign in, counted per account and client address. */
#pragma once

#include <stdbool.h>

#include "base/instant.h"

enum {
    THROTTLE_FREE = 5,       /* attempts before waiting begins */
    THROTTLE_ENTRIES = 20000 /* pairs remembered; the oldest go first */
};
/* The first wait; each further failure doubles it up to the longest. */
#define THROTTLE_FIRST (30 * INSTANT_SECOND)
#define THROTTLE_LONGEST (15 * 60 * INSTANT_SECOND)

struct throttle;
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);
/* Counts an attempt, so that many at once count too. False when it must wait until *again. */
bool throttle_attempt(struct throttle *t, const char *account, const char *peer, instant now, instant *again);
/* Forgets the attempts after one that succeeded. */
void throttle_success(struct throttle *t, const char *account, const char *peer);
