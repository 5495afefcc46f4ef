/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the change log record by record: remembers values, and asks for the judgements that a change touches.
 */
#include "rules/engine_private.h"

#include <string.h>

struct engine *engine_new(struct rule_set *rules)
{
    struct engine *e = g_new0(struct engine, 1);
    e->rules = rules;
    e->subjects = subjects_new(rules);
    e->runs = g_new0(struct rule_run, rules->count + 1);
    e->marks = g_new0(instant, rules->count + 1);
    for (int i = 0; i <= rules->count; i++) {
        e->marks[i] = UNMARKED;
    }
    for (int i = 0; i < rules->count; i++) {
        e->runs[i].enabled = rules->rules[i].enabled;
        e->runs[i].watermark = INSTANT_MIN;
        e->runs[i].timers = g_array_new(FALSE, FALSE, sizeof(struct timer));
    }
    e->out = arena_new();
    e->changes = g_ptr_array_new();
    return e;
}

struct rule_set *engine_dissolve(struct engine *e)
{
    struct rule_set *rules = e->rules;
    for (int i = 0; i < e->rules->count; i++) {
        g_array_unref(e->runs[i].timers);
    }
    subjects_free(e->subjects);
    g_free(e->runs);
    g_free(e->marks);
    g_ptr_array_unref(e->changes);
    arena_free(e->out);
    g_free(e);
    return rules;
}

void engine_free(struct engine *e)
{
    if (e != NULL) {
        rule_set_free(engine_dissolve(e));
    }
}

const struct rule_set *engine_rules(const struct engine *e)
{
    return e->rules;
}

uint64_t engine_seq(const struct engine *e)
{
    return e->seq;
}

void engine_set_seq(struct engine *e, uint64_t seq)
{
    e->seq = seq;
}

const GPtrArray *engine_changes(const struct engine *e)
{
    return e->changes;
}

void engine_flushed(struct engine *e)
{
    g_ptr_array_set_size(e->changes, 0);
    arena_clear(e->out);
}

int engine_active_count(const struct engine *e)
{
    return e->active;
}

int engine_subject_count(const struct engine *e)
{
    return (int)e->subjects->all->len - g_tree_nnodes(e->subjects->free_numbers);
}

int engine_dirty(const struct engine *e)
{
    return e->subjects->dirty_count;
}

static int rule_index(const struct engine *e, const char *name)
{
    for (int i = 0; name != NULL && i < e->rules->count; i++) {
        if (strcmp(e->rules->rules[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static int rule_position(const struct class *class, int rule)
{
    for (int i = 0; class != NULL && i < class->rules_count; i++) {
        if (class->rules[i] == rule) {
            return i;
        }
    }
    return -1;
}

bool engine_is_active(const struct engine *e, const char *rule, const char *entity, instant started)
{
    const struct subject *subject = subjects_find(e->subjects, entity);
    int position = subject != NULL ? rule_position(subject->class, rule_index(e, rule)) : -1;
    const struct judgement *j =
        position >= 0 && subject->judgements != NULL ? subject->judgements[position] : NULL;
    return j != NULL && j->phase == PHASE_ACTIVE && j->started == started;
}

/* ---- rules switched on and off ---- */

bool engine_rule_enabled(const struct engine *e, const char *rule)
{
    int i = rule_index(e, rule);
    return i >= 0 && e->runs[i].enabled;
}

static void switch_off(struct engine *e, struct subject *subject, int position, instant at)
{
    if (subject->judgements != NULL && subject->judgements[position] != NULL) {
        judge_end(e, subject, position, at, "rule-disabled");
        g_clear_pointer(&subject->judgements[position], judgement_free);
        subject_touch(e->subjects, subject);
    }
}

/* An absence rule that begins to work waits for all entities from then on; by the event clock it waits from
 * the first record after, when nothing was ever heard. */
static void start_waiting(struct engine *e, struct subject *subject, int position, instant now)
{
    int rule = subject->class->rules[position];
    instant since = e->rules->rules[rule].wall_clock ? now : e->runs[rule].watermark;
    if (e->rules->rules[rule].kind == RULE_ABSENCE && since != INSTANT_MIN) {
        judge_wait(e, subject, position, since);
    }
}

static void switch_rule(struct engine *e, int rule, bool enabled, instant at)
{
    if (e->runs[rule].enabled == enabled) {
        return;
    }
    e->runs[rule].enabled = enabled;
    g_array_set_size(e->runs[rule].timers, 0);
    for (guint n = 0; n < e->subjects->all->len; n++) {
        struct subject *subject = g_ptr_array_index(e->subjects->all, n);
        int position = subject != NULL ? rule_position(subject->class, rule) : -1;
        if (position >= 0 && !enabled) {
            switch_off(e, subject, position, at);
        } else if (position >= 0) {
            start_waiting(e, subject, position, at);
        }
    }
}

void engine_set_enabled(struct engine *e, const char *rule, bool enabled, instant now)
{
    int i = rule_index(e, rule);
    if (i >= 0) {
        switch_rule(e, i, enabled, now);
    }
}

void engine_begin_waiting(struct engine *e, instant now)
{
    for (guint n = 0; n < e->subjects->all->len; n++) {
        struct subject *subject = g_ptr_array_index(e->subjects->all, n);
        for (int i = 0; subject != NULL && subject->class != NULL && i < subject->class->rules_count; i++) {
            bool begun = subject->judgements != NULL && subject->judgements[i] != NULL;
            if (!begun && e->runs[subject->class->rules[i]].enabled) {
                start_waiting(e, subject, i, now);
            }
        }
    }
}

/* A Rule entity's `enabled` decides whether its rule works, from that record of the log on. */
static void rule_record(struct engine *e, const struct json *record, instant at)
{
    const struct json *enabled = json_get(json_get(json_get(record, "attrs"), "enabled"), "value");
    const char *id = json_get_string(record, "id");
    const char *name = id != NULL ? strrchr(id, ':') : NULL;
    int rule = name != NULL ? rule_index(e, name + 1) : -1;
    if (rule >= 0 && json_is(enabled, JSON_BOOL)) {
        switch_rule(e, rule, enabled->boolean, at);
    }
}

/* ---- records ---- */

/* The instance's observedAt, else otherwise. Attributes of one message mostly carry the same text. */
static instant observed_at(struct engine *e, const struct json *attribute, instant otherwise)
{
    const struct json *one = json_is(attribute, JSON_ARRAY) ? json_first(attribute) : attribute;
    const struct json *text = json_get(one, "observedAt");
    if (!json_is(text, JSON_STRING) || text->length >= sizeof e->observed_text) {
        return otherwise;
    }
    if (strcmp(e->observed_text, text->string) != 0) {
        instant t;
        if (!instant_parse(text->string, text->length, NULL, &t)) {
            return otherwise;
        }
        e->observed = t;
        memcpy(e->observed_text, text->string, text->length + 1);
    }
    return e->observed;
}

static void mark(struct engine *e, const GArray *positions, instant at)
{
    for (guint i = 0; positions != NULL && i < positions->len; i++) {
        int position = g_array_index(positions, int, i);
        e->marks[position] = MAX(e->marks[position], at);
    }
}

/* One record being dealt with. */
struct step {
    const struct json *record;
    struct class *class;
    struct subject *subject; /* NULL while nothing of the entity is worth remembering */
    instant at;              /* of the commit */
    instant latest;          /* the latest event time in the record */
    instant linked;          /* event time of a change that others may read through links; UNMARKED = none */
};

static bool wants(const struct engine *e, const struct step *s, int slot)
{
    return s->class->wanted || (e->subjects->slot_flags[slot] & (SLOT_LINK | SLOT_LINKED)) != 0;
}

static void take(struct engine *e, struct step *s, const char *name, const struct json *attribute)
{
    instant observed = observed_at(e, attribute, s->at);
    s->latest = attribute != NULL ? MAX(s->latest, observed) : s->latest;
    int slot = subjects_slot(e->subjects, name);
    if (slot < 0 || !wants(e, s, slot)) {
        return;
    }
    s->subject = s->subject != NULL ? s->subject
                                    : subjects_add(e->subjects, json_get_string(s->record, "id"), s->class);
    bool changed = subject_take(e->subjects, s->subject, slot, attribute, observed);
    mark(e, s->class->touch[slot], observed);
    if (changed && (e->subjects->slot_flags[slot] & SLOT_LINKED) != 0) {
        s->linked = MAX(s->linked, observed);
    }
}

static void take_all(struct engine *e, struct step *s)
{
    for (const struct json *m = json_first(json_get(s->record, "attrs")); m != NULL; m = m->next) {
        take(e, s, m->key, m);
    }
    for (const struct json *m = json_first(json_get(s->record, "gone")); m != NULL; m = m->next) {
        if (json_is(m, JSON_STRING) && strchr(m->string, ' ') == NULL) {
            take(e, s, m->string, NULL);
        }
    }
}

/* A value that the hub derived by itself is no sign of life of a device. */
static bool is_derived(const struct json *record)
{
    const char *by = json_get_string(record, "by");
    return by != NULL && g_str_has_prefix(by, "index:");
}

static void judge_marked(struct engine *e, struct step *s)
{
    if (s->subject == NULL || s->class->rules_count == 0) {
        return;
    }
    if (!is_derived(s->record)) {
        mark(e, s->class->always, s->latest);
    }
    for (int i = 0; i < s->class->rules_count; i++) {
        if (e->marks[i] != UNMARKED) {
            instant at = e->marks[i];
            e->marks[i] = UNMARKED;
            judge(e, s->subject, i, at, s->at);
        }
    }
}

/* Those who read this subject through a Relationship look again. */
static void judge_dependents(struct engine *e, struct subject *subject, instant at, instant heard, int depth)
{
    for (guint i = 0; depth > 0 && subject->dependents != NULL && i < subject->dependents->len; i++) {
        struct subject *other = g_ptr_array_index(subject->dependents, i);
        for (guint k = 0; other->class != NULL && k < other->class->linked->len; k++) {
            judge(e, other, g_array_index(other->class->linked, int, k), at, heard);
        }
        judge_dependents(e, other, at, heard, depth - 1);
    }
}

/* A reading moves the event clock of its type, and others may turn out to be silent. The clock of a device
 * that runs ahead must not make all others late, so the commit's time is the limit. */
static void advance_clocks(struct engine *e, const struct step *s)
{
    for (int i = 0; i < s->class->rules_count; i++) {
        int rule = s->class->rules[i];
        struct rule_run *run = &e->runs[rule];
        if (e->rules->rules[rule].kind == RULE_ABSENCE && !e->rules->rules[rule].wall_clock && run->enabled) {
            run->watermark = MAX(run->watermark, MIN(s->latest, s->at));
            judge_silence(e, rule, run->watermark);
        }
    }
}

static void forget(struct engine *e, struct subject *subject, instant at)
{
    for (int i = 0; subject->class != NULL && i < subject->class->rules_count; i++) {
        judge_end(e, subject, i, at, "entity-deleted");
    }
    subjects_remove(e->subjects, subject);
}

static bool same_types(const struct class *class, const struct json *types)
{
    const struct json *t = json_first(types);
    char **have = class->types;
    for (; t != NULL && *have != NULL && json_streq(t, *have); t = t->next) {
        have++;
    }
    return t == NULL && *have == NULL;
}

static struct class *class_of(struct engine *e, const struct subject *subject, const struct json *types)
{
    if (subject != NULL && subject->class != NULL && same_types(subject->class, types)) {
        return subject->class;
    }
    return subjects_class(e->subjects, types);
}

/* With another type come other rules: alarms of those that no longer apply end. */
static void change_class(struct engine *e, struct step *s)
{
    const struct class *old = s->subject->class;
    for (int i = 0; old != NULL && i < old->rules_count; i++) {
        if (rule_position(s->class, old->rules[i]) < 0) {
            judge_end(e, s->subject, i, s->at, "type-changed");
        }
    }
    subject_set_class(e->subjects, s->subject, s->class);
}

static void entity_record(struct engine *e, struct step *s, const char *id)
{
    if (json_streq(json_get(s->record, "op"), "delete")) {
        if (s->subject != NULL) {
            forget(e, s->subject, s->at);
        }
        return;
    }
    if (s->subject != NULL && s->subject->class != s->class) {
        change_class(e, s);
    } else if (s->class->wanted) {
        s->subject = subjects_add(e->subjects, id, s->class);
    }
    take_all(e, s);
    s->latest = s->latest == UNMARKED ? s->at : s->latest;
    judge_marked(e, s);
    if (s->linked != UNMARKED) {
        judge_dependents(e, s->subject, s->linked, s->at, e->subjects->depth);
    }
    if (!is_derived(s->record)) {
        advance_clocks(e, s);
    }
}

void engine_record(struct engine *e, uint64_t seq, const struct json *record)
{
    if (seq <= e->seq) {
        return;
    }
    e->seq = seq;
    const char *id = json_get_string(record, "id");
    if (id == NULL || json_get_bool(record, "late", false)) {
        return;
    }
    const struct json *types = json_get(record, "type");
    struct step s = {.record = record,
                     .subject = subjects_find(e->subjects, id),
                     .at = json_get_int(record, "at", 0),
                     .latest = UNMARKED,
                     .linked = UNMARKED};
    s.class = class_of(e, s.subject, types);
    if (s.class->internal) {
        if (g_strv_contains((const char *const *)s.class->types, "Rule")) {
            rule_record(e, record, s.at);
        }
        return;
    }
    entity_record(e, &s, id);
}

bool engine_tick(struct engine *e, instant now)
{
    bool raised = false;
    for (int i = 0; i < e->rules->count; i++) {
        if (e->rules->rules[i].kind == RULE_ABSENCE && e->rules->rules[i].wall_clock && e->runs[i].enabled) {
            raised = judge_silence(e, i, now) || raised;
        }
    }
    return raised;
}

void engine_prime(struct engine *e, const struct json *entity)
{
    const char *id = json_get_string(entity, "id");
    struct class *class = subjects_class(e->subjects, json_get(entity, "type"));
    struct step s = {.class = class};
    if (id == NULL || class->internal) {
        return;
    }
    struct subject *subject =
        class->wanted ? subjects_add(e->subjects, id, class) : subjects_find(e->subjects, id);
    for (const struct json *m = json_first(entity); m != NULL; m = m->next) {
        int slot = subjects_slot(e->subjects, m->key);
        if (slot < 0 || (m->type != JSON_OBJECT && m->type != JSON_ARRAY) || !wants(e, &s, slot)) {
            continue;
        }
        subject = subject != NULL ? subject : subjects_add(e->subjects, id, class);
        if (subject_held(subject, slot) == NULL) {
            subject_take(
                e->subjects, subject, slot, m,
                observed_at(e, m, json_get_int(m, "modifiedAt", json_get_int(entity, "modifiedAt", 0))));
        }
    }
}
