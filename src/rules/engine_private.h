/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's inside, shared by its three files: records (engine.c), judgements (judge.c), snapshots
 * (snapshot.c). */
#pragma once

#include "rules/engine.h"
#include "rules/subjects.h"

/* When to look at a subject again; stale ones are recognised when their time comes. */
struct timer {
    instant due;
    uint32_t number, generation;
};

/* What runs beside the definition of a rule. */
struct rule_run {
    bool enabled;
    instant watermark; /* absence by event clock: the latest event time of any entity of the type */
    GArray *timers;    /* absence: a heap of struct timer */
};

struct engine {
    struct rule_set *rules;
    struct subjects *subjects;
    struct rule_run *runs; /* by rule */
    uint64_t seq;
    int active;
    instant *marks; /* by position in a class: event time of the change that asks for a judgement */
    struct arena *out;
    GPtrArray *changes;
    char observed_text[40]; /* the last observedAt read, and what it means */
    instant observed;
};
#define UNMARKED INT64_MIN

/* Judges the rule at a position of the subject's class; at is the event time, heard the time of the commit.
 */
void judge(struct engine *e, struct subject *subject, int position, instant at, instant heard);
/* Raises what has been silent too long by this clock. True when something was raised. */
bool judge_silence(struct engine *e, int rule, instant clock);
/* An active alarm ends for another reason than its condition. */
void judge_end(struct engine *e, struct subject *subject, int position, instant at, const char *reason);
/* Starts to wait for a subject (absence). */
void judge_wait(struct engine *e, struct subject *subject, int position, instant since);
