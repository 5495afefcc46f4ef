/* SPDX-License-Identifier: Apache-2.0 */
/* When which case wants attention next. Used by one thread. */
#pragma once

#include "base/instant.h"

struct timers;
struct timers *timers_new(void);
void timers_free(struct timers *t); /* NULL is fine */
/* Sets, moves or (INSTANT_MAX) removes the moment of a case. */
void timers_set(struct timers *t, const char *id, instant at);
/* Takes out one case whose moment has come; the caller frees. NULL when there is none. */
char *timers_take(struct timers *t, instant now);
void timers_clear(struct timers *t);
int timers_count(const struct timers *t);
