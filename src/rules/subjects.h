/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules remember of entities: the last values of the attributes that some rule uses, taken from the
 * change log and from nowhere else, and who is linked to whom. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/instant.h"
#include "expr/expr.h"
#include "geo/geo.h"
#include "rules/definition.h"
#include "rules/engine.h"
#include "rules/held.h"

/* One judgement: where a rule stands at an entity. NULL in place of it means: idle, nothing remembered.
 *
 *          holds                 held for `for`
 *   IDLE ---------> PENDING ---------------------> ACTIVE      (at once when there is no `for`)
 *    ^                 |  stops holding              |
 *    +-----------------+                             |
 *    +-----------------------------------------------+  clear condition
 */
enum phase { PHASE_IDLE, PHASE_PENDING, PHASE_ACTIVE };
struct sample {
    instant at;
    double value;
};
struct judgement {
    uint8_t phase;
    uint8_t severity;
    bool armed; /* geofence leave: has been inside; stuck: there is a reference */
    bool waits; /* absence: a timer stands in the heap */
    int32_t samples_count, samples_room;
    int64_t count;   /* times seen holding while active */
    instant since;   /* pending since, or absence: last heard of */
    instant started; /* of the active alarm */
    double reference;
    char *reference_text;   /* stuck, when the value is a text */
    struct sample *samples; /* rate: values; count: times */
};

/* Entities with the same list of types are judged by the same rules. */
struct class
{
    char *key;    /* the types joined by newlines */
    char **types; /* NULL-terminated */
    int rules_count;
    int *rules;     /* indexes into the rule set, ascending */
    GArray **touch; /* by slot: positions in rules to judge when it changes; NULL = none */
    GArray *always; /* positions to judge at every record (absence without attribute) */
    GArray *linked; /* positions of thresholds that read through Relationships */
    bool is_zone;   /* a type that some geofence names */
    bool wanted;    /* has rules or is a zone: remember its entities from their first record on */
    bool internal;  /* Alarm, Case, Rule: not looked at */
};

struct subject {
    char *id;
    uint32_t number;     /* dense; its place in subjects->all */
    uint32_t generation; /* tells a reused number from its former owner */
    bool dirty;          /* changed since the last snapshot */
    bool known;          /* a record of it was seen; false = only linked to */
    uint16_t held_count, held_room;
    struct class *class;           /* NULL while not known */
    struct held *held;             /* in no order */
    struct judgement **judgements; /* class->rules_count of them, or NULL */
    GPtrArray *dependents;         /* subjects whose Relationship leads here, ordered by id; or NULL */
    struct fence *fence;           /* of its geometry, made when first asked for; NULL */
};

struct subjects {
    const struct rule_set *rules;
    GHashTable *by_id;   /* id → struct subject */
    GPtrArray *all;      /* by number; NULL where free */
    GTree *free_numbers; /* number + 1; the lowest is taken first, so that numbers are the same after a
                            restart */
    uint32_t generations;
    GHashTable *slots; /* attribute name → slot + 1 */
    GPtrArray *slot_names;
    uint8_t *slot_flags;     /* enum slot_flag */
    int depth;               /* longest chain of Relationships in a formula */
    GHashTable *classes;     /* types joined by newlines → struct class */
    GHashTable *seen_names;  /* formula segment (by address) → slot + 1; saves hashing texts */
    GPtrArray *zones;        /* subjects of classes that are zones */
    GByteArray *dirty_pages; /* by number / ENGINE_PAGE: something changed since the last snapshot */
    int dirty_count;         /* subjects touched since then */
};
enum slot_flag { SLOT_LINK = 1 /* leads on to another entity */, SLOT_LINKED = 2 /* read through a link */ };

struct subjects *subjects_new(const struct rule_set *rules);
void subjects_free(struct subjects *s);
/* The slot of an attribute, or -1. */
int subjects_slot(const struct subjects *s, const char *attribute);
/* The class of a record's or entity's "type". */
struct class *subjects_class(struct subjects *s, const struct json *types);
struct class *subjects_class_by_key(struct subjects *s, const char *key);
struct subject *subjects_find(const struct subjects *s, const char *id);
/* Finds or makes; class may be NULL (only linked to). */
struct subject *subjects_add(struct subjects *s, const char *id, struct class *class);
/* Gives it a number chosen before, for reading a snapshot; the numbers in between are then free. */
struct subject *subjects_add_at(struct subjects *s, const char *id, uint32_t number);
/* A known subject gets (another) class; judgements of rules that stay are kept. */
void subject_set_class(struct subjects *s, struct subject *subject, struct class *class);
/* Forgets an entity; what others need of it (that they link to it) stays. */
void subjects_remove(struct subjects *s, struct subject *subject);
/* Notes a change for the next snapshot. */
void subject_touch(struct subjects *s, struct subject *subject);
void subjects_clean(struct subjects *s);
void subjects_touch_all(struct subjects *s);

struct held *subject_held(const struct subject *subject, int slot); /* or NULL */
/* Takes over the value of an attribute in stored form (NULL = it is gone). True when slot now has another
 * value or time. */
bool subject_take(struct subjects *s, struct subject *subject, int slot, const struct json *instance,
                  instant observed);
/* Adds a value as read from a snapshot; takes its text over. */
void subject_put(struct subject *subject, const struct held *held);
/* Links of all subjects are entered at their targets, and free numbers found, after reading a snapshot. */
void subjects_relink(struct subjects *s);
/* The judgement at a position of its class, made when needed. */
struct judgement *subject_judgement(struct subject *subject, int position);
void judgement_free(struct judgement *j);
/* The subject that a Relationship in slot leads to, or NULL. */
struct subject *subject_follow(const struct subjects *s, const struct subject *subject, int slot);
/* The fence of a zone's location; NULL when it has no area. */
struct fence *subject_fence(const struct subjects *s, struct subject *zone);

/* For formulas: user is a struct subject_names. */
struct subject_names {
    struct subjects *subjects;
    const struct subject *subject;
};
struct value subject_resolve(void *user, const char *const *segments, int count);
/* Where a dotted name ends: the held value, or NULL. */
const struct held *subject_walk(struct subjects *s, const struct subject *subject,
                                const char *const *segments, int count);
