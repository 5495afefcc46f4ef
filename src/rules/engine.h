/* SPDX-License-Identifier: Apache-2.0 */
/* The rules as a function of the change log: records go in, changes of alarms come out. No clock, no store,
 * no thread: the same records give the same changes, however they are cut into batches. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/arena.h"
#include "base/instant.h"
#include "rules/definition.h"

struct engine;

enum alarm_step { ALARM_RAISED, ALARM_CHANGED, ALARM_CLEARED };
/* What must be done to the alarm of (rule, entity, started). Lives until engine_flushed. */
struct alarm_change {
    enum alarm_step step;
    uint64_t seq; /* of the record that caused it */
    instant at;   /* event time of the cause */
    const char *rule, *pack, *entity, *entity_type;
    const char *title[RULE_LANGUAGES];
    const char *message[RULE_LANGUAGES]; /* NULL when cleared */
    const char *workflow;                /* or NULL */
    const struct json *reading;  /* {"pm25": {"value": 160, "observedAt": "…"}}; NULL when cleared */
    const struct json *location; /* where it was, when the rules know; else NULL */
    instant started;
    enum severity severity;
    int64_t count;      /* readings for which the condition held while the alarm was active */
    const char *reason; /* when cleared: "condition", "entity-deleted", "rule-disabled", "rule-removed" */
};

/* Takes the set over. */
struct engine *engine_new(struct rule_set *rules);
void engine_free(struct engine *e); /* NULL is fine */
/* Frees the engine but gives its rules back. */
struct rule_set *engine_dissolve(struct engine *e);
const struct rule_set *engine_rules(const struct engine *e);

/* Deals with one log record (store/store.h). Records with seq <= engine_seq are ignored. */
void engine_record(struct engine *e, uint64_t seq, const struct json *record);
/* Lets wall-clock absence rules look at the clock; call it when all records so far were dealt with. True when
 * that raised something: then changes and snapshot must be written in one transaction, because the log does
 * not know of it. */
bool engine_tick(struct engine *e, instant now);
uint64_t engine_seq(const struct engine *e);
/* Sets the starting point of an engine without snapshot. */
void engine_set_seq(struct engine *e, uint64_t seq);

/* What came out since the last engine_flushed, in order. */
const GPtrArray *engine_changes(const struct engine *e);
void engine_flushed(struct engine *e);

/* Takes the value of an attribute from an entity's present state: for attributes that a new rule began to use
 * after the records had gone by. Only fills what is not known. */
void engine_prime(struct engine *e, const struct json *entity);

bool engine_rule_enabled(const struct engine *e, const char *rule);
/* After a restore with changed rules: what the Rule entity says. */
void engine_set_enabled(struct engine *e, const char *rule, bool enabled, instant now);
/* After a restore with changed rules: absence rules that are new wait for every known entity from now on. */
void engine_begin_waiting(struct engine *e, instant now);
/* Whether the alarm of this rule and entity with this start is active. */
bool engine_is_active(const struct engine *e, const char *rule, const char *entity, instant started);
int engine_active_count(const struct engine *e);
int engine_subject_count(const struct engine *e);

/* ---- snapshots ---- */

enum { ENGINE_PAGE = 64 }; /* subjects in one page */
/* Number of subjects that changed since the last snapshot was taken. */
int engine_dirty(const struct engine *e);
/* Gives the head (JSON text, always) and every page with a change (all = every page), then all is clean. data
 * may be empty: the page is to be deleted. */
struct engine_page {
    uint32_t number;
    GString *data;
};
void engine_save(struct engine *e, bool all, GString *head, GArray *pages);
void engine_pages_clear(GArray *pages);
/* What engine_save gave could not be kept: everything counts as changed again. */
void engine_save_failed(struct engine *e);
/* Into a new engine, whose rules may differ from those that made the snapshot. What belongs to a rule that is
 * gone is dropped; a rule whose deciding parts changed keeps its active alarms, which its next reading
 * judges. Pages come in any order: next(user) gives one after the other, false at the end. *changed (may be
 * NULL) says that the rules or their attributes differ. False with error set when the snapshot is damaged or
 * of another version: the engine is then unusable. */
bool engine_restore(struct engine *e, const char *head, size_t head_length,
                    bool (*next)(void *user, struct engine_page *page), void *user, bool *changed,
                    struct error *error);
