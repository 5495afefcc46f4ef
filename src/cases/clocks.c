/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines as JSON that lives in the case. */
#include "cases/clocks.h"

#include <string.h>

/* ---- one stage ---- */

static bool is_state(const struct json *stage, const char *state)
{
    return json_streq(json_get(stage, "state"), state);
}

static enum deadline_clock clock_of(const struct json *stage)
{
    return json_streq(json_get(stage, "clock"), "always") ? CLOCK_ALWAYS : CLOCK_WORKING;
}

static instant time_of(const struct json *stage, const char *key)
{
    instant t = INSTANT_MAX;
    const struct json *text = json_get(stage, key);
    if (json_is(text, JSON_STRING)) {
        instant_parse(text->string, text->length, NULL, &t);
    }
    return t;
}

static void set_time(struct arena *a, struct json *stage, const char *key, instant t)
{
    char text[INSTANT_TEXT];
    json_set(a, stage, key, json_string(a, instant_format(t, text)));
}

static instant before_due(const struct playbook *p, const struct json *stage, struct length l)
{
    enum deadline_clock clock = clock_of(stage);
    return clock_add(p->calendar, clock, time_of(stage, "due"), -length_on(p->calendar, clock, l));
}

static instant after_due(const struct playbook *p, const struct json *stage, struct length l)
{
    enum deadline_clock clock = clock_of(stage);
    return clock_add(p->calendar, clock, time_of(stage, "due"), length_on(p->calendar, clock, l));
}

/* Reminders whose moment had passed when the due time was set are not sent. */
static void reset_notes(struct arena *a, const struct playbook *p, const struct deadline *d,
                        struct json *stage, instant now)
{
    int passed = 0;
    while (passed < d->remind_count && before_due(p, stage, d->remind[passed]) <= now) {
        passed++;
    }
    json_set(a, stage, "reminded", json_int(a, passed));
    json_set(a, stage, "overdue", json_bool(a, false));
    json_set(a, stage, "escalated", json_int(a, 0));
}

static bool listed(const char *const *list, const char *value)
{
    return list == NULL || (value != NULL && g_strv_contains(list, value));
}

static const struct limit *limit_for(const struct deadline *d, const char *category, const char *severity)
{
    for (int i = 0; i < d->limits_count; i++) {
        if (listed(d->limits[i].categories, category) && listed(d->limits[i].severities, severity)) {
            return &d->limits[i];
        }
    }
    return &d->otherwise;
}

static void start(struct arena *a, const struct playbook *p, const struct deadline *d, struct json *deadlines,
                  const struct limit *limit, instant now)
{
    int64_t rounds = json_get_int(json_get(deadlines, d->name), "rounds", 0);
    struct json *stage = json_set(a, deadlines, d->name, json_object(a));
    int64_t time = length_on(p->calendar, limit->clock, limit->within);
    json_set(a, stage, "state", json_string(a, "running"));
    json_set(a, stage, "clock", json_string(a, limit->clock == CLOCK_ALWAYS ? "always" : "working"));
    set_time(a, stage, "startedAt", now);
    set_time(a, stage, "due", clock_add(p->calendar, limit->clock, now, time));
    json_set(a, stage, "rounds", json_int(a, rounds + 1));
    reset_notes(a, p, d, stage, now);
}

static void pause_stage(struct arena *a, const struct playbook *p, struct json *stage, instant now)
{
    int64_t left = clock_between(p->calendar, clock_of(stage), now, time_of(stage, "due"));
    json_set(a, stage, "state", json_string(a, "paused"));
    json_set(a, stage, "remaining", json_int(a, left));
}

static void resume_stage(struct arena *a, const struct playbook *p, struct json *stage, instant now)
{
    int64_t left = json_get_int(stage, "remaining", 0);
    json_set(a, stage, "state", json_string(a, "running"));
    set_time(a, stage, "due", clock_add(p->calendar, clock_of(stage), now, left));
    json_remove(stage, "remaining");
}

static void end_stage(struct arena *a, struct json *stage, instant now)
{
    bool met =
        is_state(stage, "paused") ? json_get_int(stage, "remaining", 0) >= 0 : now <= time_of(stage, "due");
    json_set(a, stage, "state", json_string(a, met ? "met" : "missed"));
    set_time(a, stage, "endedAt", now);
    json_remove(stage, "remaining");
}

/* ---- all stages ---- */

void clocks_move(struct arena *a, const struct playbook *p, const struct workflow *w, struct json *deadlines,
                 int to, const char *category, const char *severity, instant now)
{
    for (int i = 0; i < w->deadlines_count; i++) {
        const struct deadline *d = &w->deadlines[i];
        struct json *stage = json_get(deadlines, d->name);
        bool running = is_state(stage, "running"), paused = is_state(stage, "paused");
        if ((d->states >> to & 1) != 0) {
            if (paused) {
                resume_stage(a, p, stage, now);
            } else if (!running) {
                start(a, p, d, deadlines, limit_for(d, category, severity), now);
            }
        } else if (w->states[to].kind == STATE_PAUSED) {
            if (running) {
                pause_stage(a, p, stage, now);
            }
        } else if (running || paused) {
            end_stage(a, stage, now);
        }
    }
}

bool clocks_extend(struct arena *a, const struct playbook *p, const struct deadline *d,
                   struct json *deadlines, struct length by, instant now)
{
    struct json *stage = json_get(deadlines, d->name);
    enum deadline_clock clock = clock_of(stage);
    int64_t time = length_on(p->calendar, clock, by);
    if (is_state(stage, "paused")) {
        json_set(a, stage, "remaining", json_int(a, json_get_int(stage, "remaining", 0) + time));
        return true;
    }
    if (!is_state(stage, "running")) {
        return false;
    }
    set_time(a, stage, "due", clock_add(p->calendar, clock, time_of(stage, "due"), time));
    reset_notes(a, p, d, stage, now);
    return true;
}

instant clocks_due(const struct json *deadlines)
{
    instant due = INSTANT_MAX;
    for (const struct json *stage = json_first(deadlines); stage != NULL; stage = stage->next) {
        if (is_state(stage, "running")) {
            due = MIN(due, time_of(stage, "due"));
        }
    }
    return due;
}

bool clocks_overdue(const struct json *deadlines)
{
    for (const struct json *stage = json_first(deadlines); stage != NULL; stage = stage->next) {
        if (is_state(stage, "running") && json_get_bool(stage, "overdue", false)) {
            return true;
        }
    }
    return false;
}

static instant next_of(const struct playbook *p, const struct deadline *d, const struct json *stage)
{
    instant next = INSTANT_MAX;
    int64_t reminded = json_get_int(stage, "reminded", 0), escalated = json_get_int(stage, "escalated", 0);
    if (!is_state(stage, "running")) {
        return next;
    }
    if (reminded < d->remind_count) {
        next = before_due(p, stage, d->remind[reminded]);
    }
    if (!json_get_bool(stage, "overdue", false)) {
        next = MIN(next, time_of(stage, "due"));
    }
    if (escalated < d->escalate_count) {
        next = MIN(next, after_due(p, stage, d->escalate[escalated].after));
    }
    return next;
}

instant clocks_next(const struct playbook *p, const struct workflow *w, const struct json *deadlines)
{
    instant next = INSTANT_MAX;
    for (int i = 0; i < w->deadlines_count; i++) {
        next = MIN(next, next_of(p, &w->deadlines[i], json_get(deadlines, w->deadlines[i].name)));
    }
    return next;
}

static void fire_reminders(struct arena *a, const struct playbook *p, const struct deadline *d,
                           struct json *stage, instant now, clock_note *note, void *user)
{
    int64_t reminded = json_get_int(stage, "reminded", 0), before = reminded;
    while (reminded < d->remind_count && before_due(p, stage, d->remind[reminded]) <= now) {
        reminded++;
    }
    json_set(a, stage, "reminded", json_int(a, reminded));
    if (reminded > before && now < time_of(stage, "due")) {
        note(user, "remind", d, NULL); /* once, also when the hub slept through several */
    }
}

static void fire_stage(struct arena *a, const struct playbook *p, const struct deadline *d,
                       struct json *stage, instant now, clock_note *note, void *user)
{
    fire_reminders(a, p, d, stage, now, note, user);
    if (!json_get_bool(stage, "overdue", false) && time_of(stage, "due") <= now) {
        json_set(a, stage, "overdue", json_bool(a, true));
        note(user, "overdue", d, NULL);
    }
    int64_t escalated = json_get_int(stage, "escalated", 0);
    while (escalated < d->escalate_count && after_due(p, stage, d->escalate[escalated].after) <= now) {
        note(user, "escalate", d, &d->escalate[escalated]);
        escalated++;
    }
    json_set(a, stage, "escalated", json_int(a, escalated));
}

bool clocks_fire(struct arena *a, const struct playbook *p, const struct workflow *w, struct json *deadlines,
                 instant now, clock_note *note, void *user)
{
    bool any = false;
    for (int i = 0; i < w->deadlines_count; i++) {
        const struct deadline *d = &w->deadlines[i];
        struct json *stage = json_get(deadlines, d->name);
        if (next_of(p, d, stage) <= now) {
            fire_stage(a, p, d, stage, now, note, user);
            any = true;
        }
    }
    return any;
}
