/* SPDX-License-Identifier: Apache-2.0 */
/* Rules as packs define them: read, checked and compiled. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/arena.h"
#include "expr/expr.h"
#include "hub/hub.h"

enum rule_kind { RULE_THRESHOLD, RULE_RATE, RULE_STUCK, RULE_ABSENCE, RULE_GEOFENCE, RULE_COUNT };
enum severity { SEVERITY_RED, SEVERITY_ORANGE, SEVERITY_YELLOW, SEVERITY_BLUE };
const char *rule_kind_name(enum rule_kind kind);
const char *severity_name(enum severity s);
bool severity_parse(const char *name, enum severity *s);

/* One line of `severity`: the first whose formula holds (NULL = always) gives the alarm's severity. */
struct severity_step {
    struct formula *when;
    enum severity severity;
};

enum { RULE_ZH, RULE_EN, RULE_LANGUAGES };

/* Everything one rule says; docs/packs/rules.md is its manual. Spans are microseconds. Read-only once made.
 */
struct rule {
    const char *pack, *name, *type;
    enum rule_kind kind;
    const char *title[RULE_LANGUAGES];
    struct text_template *message[RULE_LANGUAGES];
    const char *workflow; /* `case`, or NULL */
    bool enabled;         /* as written; the Rule entity's attribute has the last word */
    struct severity_step *severities;
    int severities_count;
    struct formula *when;  /* threshold: the condition; the others: only while it holds, or NULL */
    struct formula *clear; /* threshold, or NULL = when no longer holds */
    struct formula *of;    /* count */
    const char *attribute; /* rate, stuck; absence (or NULL = any), geofence ("location") */
    int64_t hold;          /* `for` */
    int64_t span;          /* rate: per; count: within */
    double above, below;   /* rate; NAN = not given */
    double clear_at;       /* rate, count: `clear` as a number; NAN = not given */
    double tolerance;      /* stuck */
    int64_t at_least;      /* count */
    bool wall_clock;       /* absence */
    bool leave;            /* geofence: alarm outside instead of inside */
    const char *zone;      /* geofence: an entity's id or a type … */
    bool zone_is_id;
    const char *zone_from;         /* … or the Relationship of the entity that leads to its zone */
    const struct json *definition; /* as written */
    const char *logic;             /* digest of the parts that decide; a change of texts leaves it alone */
};

/* The rules of a set of packs, compiled. */
struct rule_set {
    struct arena *arena;
    struct rule *rules; /* in the order of the packs and their files */
    int count;
};

/* Compiles the section `rules` of all packs (NULL-terminated). Mistakes go to report; the rules without
 * mistake are in the answer. Keeps nothing of packs. */
struct rule_set *rule_set_new(const struct pack *const *packs, struct pack_report *report);
void rule_set_free(struct rule_set *set); /* NULL is fine */
/* For `packs check`: reads one pack's section beside all others. */
void rules_check(const struct pack *p, const struct json *section, const struct pack *const *all,
                 struct pack_report *report);
