/* SPDX-License-Identifier: Apache-2.0 */
/* The six kinds of rules as verdicts, and the one state machine that turns verdicts into alarms (subjects.h
 * has its picture). */
#include <math.h>
#include <string.h>

#include "rules/engine_private.h"

enum { MAX_SAMPLES = 512, MAX_MESSAGE = 2000 };

/* What a kind says of one reading. */
enum verdict {
    VERDICT_UNKNOWN, /* something is missing: change nothing */
    VERDICT_HOLDS,
    VERDICT_BETWEEN, /* no longer holds, but not yet clear */
    VERDICT_CLEAR,
};

/* One judgement being made. */
struct matter {
    struct engine *engine;
    const struct rule *rule;
    struct subject *subject;
    int position;
    instant at;
    /* What the verdict adds to the reading: a name with a number, or with a text when that is not NULL. */
    const char *extra;
    double extra_number;
    const char *extra_text;
};

static struct judgement *known(const struct matter *m)
{
    return m->subject->judgements != NULL ? m->subject->judgements[m->position] : NULL;
}

static struct judgement *state(const struct matter *m)
{
    subject_touch(m->engine->subjects, m->subject);
    return subject_judgement(m->subject, m->position);
}

static struct value evaluate(const struct matter *m, const struct formula *f)
{
    struct subject_names names = {m->engine->subjects, m->subject};
    return formula_eval(f, subject_resolve, &names);
}

static bool is_true(const struct matter *m, const struct formula *f)
{
    struct value v = evaluate(m, f);
    return v.kind == VALUE_BOOL && v.boolean;
}

/* ---- what the alarm says ---- */

static void add_value(const struct matter *m, struct json *reading, const char *name, const struct held *h)
{
    struct arena *a = m->engine->out;
    char text[INSTANT_TEXT];
    if (h == NULL || h->kind == HELD_MISSING || json_get(reading, name) != NULL) {
        return;
    }
    struct json *value = json_object(a);
    json_add(value, "value", held_json(a, h));
    json_add(value, "observedAt", json_string(a, instant_format(h->observed, text)));
    json_set(a, reading, name, value);
}

static void add_paths(const struct matter *m, struct json *reading, const struct formula *f)
{
    int count = 0;
    const struct formula_path *paths = f != NULL ? formula_paths(f, &count) : NULL;
    for (int i = 0; i < count; i++) {
        g_autoptr(GString) name = g_string_new(paths[i].segments[0]);
        for (int k = 1; k < paths[i].count; k++) {
            g_string_append_printf(name, ".%s", paths[i].segments[k]);
        }
        add_value(m, reading, name->str,
                  subject_walk(m->engine->subjects, m->subject, paths[i].segments, paths[i].count));
    }
}

/* The values that the rule looked at. */
static struct json *reading_of(const struct matter *m)
{
    const struct rule *rule = m->rule;
    struct json *reading = json_object(m->engine->out);
    add_paths(m, reading, rule->when);
    add_paths(m, reading, rule->of);
    for (int i = 0; i < rule->severities_count; i++) {
        add_paths(m, reading, rule->severities[i].when);
    }
    if (rule->attribute != NULL) {
        add_value(m, reading, rule->attribute,
                  subject_held(m->subject, subjects_slot(m->engine->subjects, rule->attribute)));
    }
    if (m->extra != NULL) {
        struct arena *a = m->engine->out;
        json_set(a, reading, m->extra,
                 m->extra_text != NULL ? json_string(a, m->extra_text) : json_double(a, m->extra_number));
    }
    return reading;
}

static void add_number(struct matter *m, const char *name, double number)
{
    m->extra = name;
    m->extra_number = number;
}

/* text must outlive the matter. */
static void add_text(struct matter *m, const char *name, const char *text)
{
    m->extra = name;
    m->extra_text = text;
}

static const char *message_of(const struct matter *m, int language)
{
    struct subject_names names = {m->engine->subjects, m->subject};
    g_autoptr(GString) text = g_string_new(NULL);
    text_template_render(m->rule->message[language], text, subject_resolve, &names);
    if (text->len > MAX_MESSAGE) {
        const char *cut = g_utf8_find_prev_char(text->str, text->str + MAX_MESSAGE);
        g_string_truncate(text, cut != NULL ? (gsize)(cut - text->str) : 0);
    }
    return arena_strdup(m->engine->out, text->str);
}

static const struct json *place_of(const struct matter *m)
{
    int slot = subjects_slot(m->engine->subjects, "location");
    const struct held *h = slot >= 0 ? subject_held(m->subject, slot) : NULL;
    return h != NULL && h->kind != HELD_MISSING ? held_json(m->engine->out, h) : NULL;
}

static struct alarm_change *put_out(const struct matter *m, const struct judgement *j, enum alarm_step step)
{
    struct arena *a = m->engine->out;
    struct alarm_change *c = arena_new0(a, struct alarm_change);
    *c = (struct alarm_change){
        .step = step,
        .seq = m->engine->seq,
        .at = m->at,
        .rule = arena_strdup(a, m->rule->name),
        .pack = arena_strdup(a, m->rule->pack),
        .entity = arena_strdup(a, m->subject->id),
        .entity_type = arena_strdup(a, m->rule->type),
        .title = {arena_strdup(a, m->rule->title[RULE_ZH]), arena_strdup(a, m->rule->title[RULE_EN])},
        .workflow = m->rule->workflow != NULL ? arena_strdup(a, m->rule->workflow) : NULL,
        .started = j->started,
        .severity = (enum severity)j->severity,
        .count = j->count,
    };
    if (step != ALARM_CLEARED) {
        c->message[RULE_ZH] = message_of(m, RULE_ZH);
        c->message[RULE_EN] = message_of(m, RULE_EN);
        c->reading = reading_of(m);
        c->location = place_of(m);
    }
    g_ptr_array_add(m->engine->changes, c);
    return c;
}

/* ---- the transitions ---- */

static enum severity severity_now(const struct matter *m)
{
    const struct rule *rule = m->rule;
    for (int i = 0; i < rule->severities_count; i++) {
        if (rule->severities[i].when == NULL || is_true(m, rule->severities[i].when)) {
            return rule->severities[i].severity;
        }
    }
    return rule->severities[rule->severities_count - 1].severity;
}

static void raise_alarm(struct matter *m, struct judgement *j, instant started)
{
    j->phase = PHASE_ACTIVE;
    j->started = started;
    j->count = 1;
    j->severity = (uint8_t)severity_now(m);
    m->engine->active++;
    put_out(m, j, ALARM_RAISED);
}

static void clear_alarm(struct matter *m, struct judgement *j, const char *reason)
{
    j->phase = PHASE_IDLE;
    m->engine->active--;
    put_out(m, j, ALARM_CLEARED)->reason = reason;
}

static void follow_severity(struct matter *m, struct judgement *j)
{
    enum severity severity = severity_now(m);
    if (severity != (enum severity)j->severity) {
        j->severity = (uint8_t)severity;
        put_out(m, j, ALARM_CHANGED);
    }
}

static void while_idle(struct matter *m, enum verdict verdict)
{
    if (verdict != VERDICT_HOLDS) {
        return;
    }
    struct judgement *j = state(m);
    j->since = m->at;
    if (m->rule->hold == 0) {
        raise_alarm(m, j, m->at);
    } else {
        j->phase = PHASE_PENDING;
    }
}

static void while_pending(struct matter *m, struct judgement *j, enum verdict verdict)
{
    if (verdict == VERDICT_HOLDS && m->at - j->since >= m->rule->hold) {
        state(m);
        raise_alarm(m, j, m->at);
    } else if (verdict == VERDICT_BETWEEN || verdict == VERDICT_CLEAR) {
        state(m);
        j->phase = PHASE_IDLE;
    }
}

static void while_active(struct matter *m, struct judgement *j, enum verdict verdict)
{
    if (verdict == VERDICT_UNKNOWN) {
        return;
    }
    state(m);
    if (verdict == VERDICT_CLEAR) {
        clear_alarm(m, j, "condition");
        return;
    }
    j->count += verdict == VERDICT_HOLDS ? 1 : 0;
    follow_severity(m, j);
}

static void drop_if_idle(struct matter *m)
{
    struct judgement *j = known(m);
    if (j != NULL && j->phase == PHASE_IDLE && j->samples == NULL && !j->armed && !j->waits) {
        g_clear_pointer(&m->subject->judgements[m->position], judgement_free);
    }
}

static void step(struct matter *m, enum verdict verdict)
{
    struct judgement *j = known(m);
    enum phase phase = j != NULL ? (enum phase)j->phase : PHASE_IDLE;
    if (phase == PHASE_PENDING || phase == PHASE_ACTIVE) {
        m->at = MAX(m->at, phase == PHASE_PENDING ? j->since : j->started);
    }
    switch (phase) {
    case PHASE_IDLE: while_idle(m, verdict); break;
    case PHASE_PENDING: while_pending(m, j, verdict); break;
    case PHASE_ACTIVE: while_active(m, j, verdict); break;
    }
    drop_if_idle(m);
}

/* ---- the kinds ---- */

static enum verdict threshold(struct matter *m)
{
    struct value when = evaluate(m, m->rule->when);
    if (when.kind == VALUE_BOOL && when.boolean) {
        return VERDICT_HOLDS;
    }
    if (m->rule->clear != NULL) {
        struct value clear = evaluate(m, m->rule->clear);
        bool is_clear = clear.kind == VALUE_BOOL && clear.boolean;
        return is_clear ? VERDICT_CLEAR : when.kind == VALUE_BOOL ? VERDICT_BETWEEN : VERDICT_UNKNOWN;
    }
    return when.kind == VALUE_BOOL ? VERDICT_CLEAR : VERDICT_UNKNOWN;
}

static void add_sample(struct judgement *j, instant at, double value)
{
    if (j->samples_count == j->samples_room) {
        j->samples_room = j->samples_room == 0 ? 4 : j->samples_room * 2;
        j->samples = g_renew(struct sample, j->samples, j->samples_room);
    }
    instant last = j->samples_count > 0 ? j->samples[j->samples_count - 1].at : at;
    j->samples[j->samples_count++] = (struct sample){MAX(at, last), value};
}

/* Keeps the samples later than from, and of those the newest most. */
static void drop_samples(struct judgement *j, instant from, int most)
{
    int first = MAX(0, j->samples_count - most);
    while (first < j->samples_count && j->samples[first].at <= from) {
        first++;
    }
    j->samples_count -= first;
    memmove(j->samples, j->samples + first, sizeof *j->samples * (size_t)j->samples_count);
    if (j->samples_count == 0) {
        g_clear_pointer(&j->samples, g_free);
        j->samples_room = 0;
    }
}

static enum verdict rate(struct matter *m)
{
    const struct rule *rule = m->rule;
    const struct held *h = subject_held(m->subject, subjects_slot(m->engine->subjects, rule->attribute));
    if (h == NULL || h->kind != HELD_NUMBER) {
        return VERDICT_UNKNOWN;
    }
    struct judgement *j = state(m);
    if (rule->when != NULL && !is_true(m, rule->when)) {
        drop_samples(j, INSTANT_MAX, 0);
        return VERDICT_CLEAR;
    }
    add_sample(j, h->observed, h->number);
    drop_samples(j, j->samples[j->samples_count - 1].at - rule->span - 1, MAX_SAMPLES);
    double rise = 0, fall = 0;
    for (int i = 0; i < j->samples_count; i++) {
        rise = MAX(rise, h->number - j->samples[i].value);
        fall = MAX(fall, j->samples[i].value - h->number);
    }
    add_number(m, "change", rise >= fall ? rise : -fall);
    if (rise > rule->above || fall > -rule->below) { /* NAN compares false */
        return VERDICT_HOLDS;
    }
    double clear_rise = isnan(rule->clear_at) ? rule->above : rule->clear_at;
    double clear_fall = isnan(rule->clear_at) ? -rule->below : rule->clear_at;
    bool above = !isnan(rule->above) && rise > clear_rise;
    bool below = !isnan(rule->below) && fall > clear_fall;
    return above || below ? VERDICT_BETWEEN : VERDICT_CLEAR;
}

static bool is_same(const struct judgement *j, const struct held *h, double tolerance)
{
    if (h->kind == HELD_STRING) {
        return j->reference_text != NULL && strcmp(j->reference_text, h->text) == 0;
    }
    double number = h->kind == HELD_BOOL ? h->boolean : h->number;
    return j->reference_text == NULL && fabs(number - j->reference) <= tolerance;
}

static void set_reference(struct judgement *j, const struct held *h, instant at)
{
    g_clear_pointer(&j->reference_text, g_free);
    j->reference = h->kind == HELD_BOOL ? h->boolean : h->kind == HELD_NUMBER ? h->number : 0;
    j->reference_text = h->kind == HELD_STRING ? g_strdup(h->text) : NULL;
    j->armed = true;
    j->phase = PHASE_PENDING;
    j->since = at;
}

/* The same value since `since` is a condition that holds; another value ends it and starts the next wait. */
static void judge_stuck(struct matter *m)
{
    const struct held *h = subject_held(m->subject, subjects_slot(m->engine->subjects, m->rule->attribute));
    if (h == NULL || h->kind == HELD_MISSING || h->kind == HELD_POINT || h->kind == HELD_GEOMETRY) {
        return;
    }
    struct judgement *j = state(m);
    bool wanted = m->rule->when == NULL || is_true(m, m->rule->when);
    if (wanted && j->armed && is_same(j, h, m->rule->tolerance)) {
        char text[INSTANT_TEXT];
        add_text(m, "since", instant_format(j->since, text));
        step(m, VERDICT_HOLDS);
        return;
    }
    j->armed = false;
    step(m, VERDICT_CLEAR);
    if (wanted) {
        set_reference(state(m), h, m->at);
    }
}

static bool zone_holds(struct matter *m, struct subject *zone, const double *point)
{
    struct fence *fence = zone != NULL ? subject_fence(m->engine->subjects, zone) : NULL;
    if (fence == NULL || !fence_contains(fence, point[0], point[1])) {
        return false;
    }
    add_text(m, "zone", zone->id);
    return true;
}

/* Whether some zone of the rule holds the point; *any says whether there is a zone at all. */
static bool is_inside(struct matter *m, const double *point, bool *any)
{
    struct subjects *s = m->engine->subjects;
    const struct rule *rule = m->rule;
    if (rule->zone_is_id || rule->zone_from != NULL) {
        struct subject *zone = rule->zone_is_id
                                   ? subjects_find(s, rule->zone)
                                   : subject_follow(s, m->subject, subjects_slot(s, rule->zone_from));
        *any = zone != NULL && subject_fence(s, zone) != NULL;
        return *any && zone_holds(m, zone, point);
    }
    *any = false;
    for (guint i = 0; i < s->zones->len; i++) {
        struct subject *zone = g_ptr_array_index(s->zones, i);
        if (zone != m->subject && g_strv_contains((const char *const *)zone->class->types, rule->zone)) {
            *any = *any || subject_fence(s, zone) != NULL;
            if (zone_holds(m, zone, point)) {
                return true;
            }
        }
    }
    return false;
}

static enum verdict geofence(struct matter *m)
{
    const struct held *h = subject_held(m->subject, subjects_slot(m->engine->subjects, m->rule->attribute));
    bool any;
    if (h == NULL || h->kind != HELD_POINT) {
        return VERDICT_UNKNOWN;
    }
    bool inside = is_inside(m, h->point, &any);
    if (!any) {
        return VERDICT_UNKNOWN;
    }
    if (m->rule->when != NULL && !is_true(m, m->rule->when)) {
        return VERDICT_CLEAR;
    }
    if (!m->rule->leave) {
        return inside ? VERDICT_HOLDS : VERDICT_CLEAR;
    }
    if (inside) {
        state(m)->armed = true;
        return VERDICT_CLEAR;
    }
    struct judgement *j = known(m);
    return j != NULL && j->armed ? VERDICT_HOLDS : VERDICT_UNKNOWN;
}

static enum verdict count(struct matter *m)
{
    const struct rule *rule = m->rule;
    bool holds = is_true(m, rule->of);
    if (!holds && known(m) == NULL) {
        return VERDICT_UNKNOWN;
    }
    struct judgement *j = state(m);
    if (holds) {
        add_sample(j, m->at, 0);
    }
    instant last = j->samples_count > 0 ? MAX(m->at, j->samples[j->samples_count - 1].at) : m->at;
    drop_samples(j, last - rule->span, (int)rule->at_least);
    add_number(m, "count", j->samples_count);
    if (j->samples_count >= rule->at_least) {
        return holds ? VERDICT_HOLDS : VERDICT_BETWEEN;
    }
    double clear = isnan(rule->clear_at) ? (double)rule->at_least - 1 : rule->clear_at;
    return j->samples_count <= clear ? VERDICT_CLEAR : VERDICT_BETWEEN;
}

/* ---- silence ---- */

static bool earlier(const struct timer *a, const struct timer *b)
{
    return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void heap_push(GArray *heap, struct timer t)
{
    g_array_append_val(heap, t);
    struct timer *x = (struct timer *)(void *)heap->data;
    guint i = heap->len - 1;
    for (; i > 0 && earlier(&t, &x[(i - 1) / 2]); i = (i - 1) / 2) {
        x[i] = x[(i - 1) / 2];
    }
    x[i] = t;
}

static struct timer heap_pop(GArray *heap)
{
    struct timer *x = (struct timer *)(void *)heap->data;
    struct timer top = x[0], last = x[heap->len - 1];
    g_array_set_size(heap, heap->len - 1);
    guint i = 0;
    for (guint child = 1; child < heap->len; child = 2 * i + 1) {
        child += child + 1 < heap->len && earlier(&x[child + 1], &x[child]) ? 1 : 0;
        if (!earlier(&x[child], &last)) {
            break;
        }
        x[i] = x[child];
        i = child;
    }
    if (heap->len > 0) {
        x[i] = last;
    }
    return top;
}

void judge_wait(struct engine *e, struct subject *subject, int position, instant since)
{
    int rule = subject->class->rules[position];
    struct judgement *j = subject_judgement(subject, position);
    subject_touch(e->subjects, subject);
    j->since = MAX(j->since, since);
    j->waits = true;
    heap_push(e->runs[rule].timers,
              (struct timer){j->since + e->rules->rules[rule].hold, subject->number, subject->generation});
}

static void judge_absence(struct matter *m, instant heard)
{
    struct judgement *j = known(m);
    instant at = m->rule->wall_clock ? heard : m->at;
    if (j != NULL && j->phase == PHASE_ACTIVE) {
        m->at = MAX(at, j->started);
        state(m);
        clear_alarm(m, j, "condition");
    }
    if (j == NULL || !j->waits) {
        judge_wait(m->engine, m->subject, m->position, at);
    } else if (at > j->since) {
        state(m)->since = at;
    }
}

static bool raise_silence(struct engine *e, struct subject *subject, int position, instant due)
{
    struct matter m = {
        e, &e->rules->rules[subject->class->rules[position]], subject, position, due, NULL, 0, NULL};
    struct judgement *j = state(&m);
    char text[INSTANT_TEXT];
    j->waits = false;
    if (m.rule->when != NULL && !is_true(&m, m.rule->when)) {
        return false; /* its next record begins another wait */
    }
    add_text(&m, "lastHeard", instant_format(j->since, text));
    raise_alarm(&m, j, due);
    return true;
}

bool judge_silence(struct engine *e, int rule, instant clock)
{
    GArray *timers = e->runs[rule].timers;
    bool raised = false;
    while (timers->len > 0 && g_array_index(timers, struct timer, 0).due <= clock) {
        struct timer t = heap_pop(timers);
        struct subject *subject = g_ptr_array_index(e->subjects->all, t.number);
        int position = -1;
        for (int i = 0;
             subject != NULL && subject->generation == t.generation && i < subject->class->rules_count; i++) {
            position = subject->class->rules[i] == rule ? i : position;
        }
        struct judgement *j =
            position >= 0 && subject->judgements != NULL ? subject->judgements[position] : NULL;
        if (j == NULL || !j->waits) {
            continue;
        }
        instant due = j->since + e->rules->rules[rule].hold;
        if (due > clock) {
            heap_push(timers, (struct timer){due, t.number, t.generation});
        } else {
            raised = raise_silence(e, subject, position, due) || raised;
        }
    }
    return raised;
}

/* ---- entry ---- */

void judge(struct engine *e, struct subject *subject, int position, instant at, instant heard)
{
    int rule = subject->class->rules[position];
    struct matter m = {e, &e->rules->rules[rule], subject, position, at, NULL, 0, NULL};
    if (!e->runs[rule].enabled) {
        return;
    }
    switch (m.rule->kind) {
    case RULE_THRESHOLD: step(&m, threshold(&m)); break;
    case RULE_RATE: step(&m, rate(&m)); break;
    case RULE_STUCK: judge_stuck(&m); break;
    case RULE_ABSENCE: judge_absence(&m, heard); break;
    case RULE_GEOFENCE: step(&m, geofence(&m)); break;
    case RULE_COUNT: step(&m, count(&m)); break;
    }
}

void judge_end(struct engine *e, struct subject *subject, int position, instant at, const char *reason)
{
    int rule = subject->class->rules[position];
    struct matter m = {e, &e->rules->rules[rule], subject, position, at, NULL, 0, NULL};
    struct judgement *j = known(&m);
    if (j != NULL && j->phase == PHASE_ACTIVE) {
        m.at = MAX(at, j->started);
        state(&m);
        clear_alarm(&m, j, reason);
    }
}
