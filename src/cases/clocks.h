/* SPDX-License-Identifier: Apache-2.0 */
/* The deadlines of one case: started, paused, ended as the state moves; reminders and escalations when due.
 *
 * The attribute `deadlines` maps a deadline's name to
 *   {"clock": "working"|"always", "state": "running"|"paused"|"met"|"missed", "startedAt": …, "due": …,
 *    "remaining": microseconds while paused, "endedAt": …, "reminded": n, "overdue": bool, "escalated": n,
 *    "rounds": n} */
#pragma once

#include "cases/playbook.h"

/* Follows a move of the case from one state (-1 = it begins) to another: changes deadlines, an object in a.
 */
void clocks_move(struct arena *a, const struct playbook *p, const struct workflow *w, struct json *deadlines,
                 int to, const char *category, const char *severity, instant now);
/* Makes a running or paused deadline longer. False when it is neither. */
bool clocks_extend(struct arena *a, const struct playbook *p, const struct deadline *d,
                   struct json *deadlines, struct length by, instant now);
/* The earliest due of those that run, INSTANT_MAX = none; whether one of them is overdue (as noted). */
instant clocks_due(const struct json *deadlines);
bool clocks_overdue(const struct json *deadlines);
/* The next moment at which clocks_fire has something to do. */
instant clocks_next(const struct playbook *p, const struct workflow *w, const struct json *deadlines);
/* What happened to a deadline: "remind", "overdue" or "escalate" (with its step). */
typedef void clock_note(void *user, const char *what, const struct deadline *d, const struct escalation *s);
/* Does all that is due by now, calling note for each. Returns whether anything was due. */
bool clocks_fire(struct arena *a, const struct playbook *p, const struct workflow *w, struct json *deadlines,
                 instant now, clock_note *note, void *user);
