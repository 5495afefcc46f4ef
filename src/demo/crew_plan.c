/* SPDX-License-Identifier: Apache-2.0 */
/* What the crew does next, and the values it fills in. */
#include <string.h>

#include "demo/crew.h"
#include "demo/world.h"

/* Salts of chance, one for each question asked of the same key. */
enum { SALT_STEP = 1, SALT_SPAN, SALT_ACCOUNT, SALT_PICK, SALT_NUMBER, SALT_PICTURE };

static const char SYSTEM[] = "system"; /* what the hub did by itself stands under this name */

const struct crew_desk *crew_desk(const struct crew *c, const char *workflow, const char *state)
{
    for (int i = 0; i < c->desks_count; i++) {
        if (g_strcmp0(c->desks[i].workflow, workflow) == 0 && g_strcmp0(c->desks[i].state, state) == 0) {
            return &c->desks[i];
        }
    }
    return NULL;
}

const char *crew_account(const struct crew *c, const char *name)
{
    for (int i = 0; i < c->accounts_count; i++) {
        if (g_strcmp0(c->accounts[i], name) == 0) {
            return c->accounts[i];
        }
    }
    return NULL;
}

/* ---- the choice ---- */

static bool is_listed(const struct json *list, const struct json *value)
{
    for (const struct json *m = json_first(list); m != NULL; m = m->next) {
        if (value != NULL && json_equal(m, value)) {
            return true;
        }
    }
    return false;
}

static bool fits(const struct crew_step *s, const struct json *one)
{
    for (const struct json *m = json_first(s->only); m != NULL; m = m->next) {
        if (!is_listed(m, json_get(one, m->key))) {
            return false;
        }
    }
    return true;
}

/* One of the steps that fit, by weight. */
static const struct crew_step *choose(const struct crew_desk *d, const struct json *one, uint64_t key)
{
    double sum = 0;
    const struct crew_step *last = NULL;
    for (int i = 0; i < d->steps_count; i++) {
        sum += fits(&d->steps[i], one) ? d->steps[i].weight : 0;
    }
    double at = chance_unit(key, SALT_STEP) * sum;
    for (int i = 0; i < d->steps_count && (last == NULL || at >= 0); i++) {
        if (fits(&d->steps[i], one) && d->steps[i].weight > 0) {
            last = &d->steps[i];
            at -= last->weight;
        }
    }
    return last;
}

static int64_t span_of(const struct crew_step *s, uint64_t key)
{
    return s->soonest + (int64_t)(chance_unit(key, SALT_SPAN) * (double)(s->latest - s->soonest));
}

static const char *account_of(const struct crew *c, const struct crew_step *s, const struct json *one,
                              uint64_t key)
{
    const char *name = s->by[chance_mix(key, SALT_ACCOUNT) % (uint64_t)s->by_count];
    if (name[0] != '{') {
        return crew_account(c, name);
    }
    g_autofree char *member = g_strndup(name + 1, strlen(name) - 2);
    return crew_account(c, json_get_string(one, member));
}

/* ---- the timeline, replayed ---- */

struct replay {
    const struct crew *crew;
    const struct json *one;
    const char *workflow;
    uint64_t key;  /* of the case */
    instant clock; /* where the next span begins */
    instant touched;
    int acts;
};

static uint64_t act_key(const struct replay *r)
{
    return chance_mix(r->key, (uint64_t)r->acts);
}

static instant time_of(const struct json *entry)
{
    const char *text = json_get_string(entry, "at");
    instant t = 0;
    return text != NULL && instant_parse(text, strlen(text), NULL, &t) ? t : 0;
}

static bool is_system(const struct json *entry)
{
    const char *by = json_get_string(entry, "by");
    return by == NULL || strcmp(by, SYSTEM) == 0;
}

/* What the crew had planned for the moment of this entry, if it is that. */
static const struct crew_step *as_planned(const struct replay *r, const struct json *entry)
{
    const struct crew_desk *d = crew_desk(r->crew, r->workflow, json_get_string(entry, "from"));
    const struct crew_step *s = d != NULL ? choose(d, r->one, act_key(r)) : NULL;
    return s != NULL && json_streq(json_get(entry, "action"), s->action) ? s : NULL;
}

static void replay_entry(struct replay *r, const struct json *entry)
{
    instant at = time_of(entry);
    bool crew = crew_account(r->crew, json_get_string(entry, "by")) != NULL;
    if (is_system(entry)) {
        return;
    }
    const struct crew_step *s = crew ? as_planned(r, entry) : NULL;
    instant free = r->touched > 0 ? r->touched + r->crew->hands_off : 0;
    r->clock = s != NULL ? MIN(at, MAX(free, r->clock + span_of(s, act_key(r)))) : at;
    if (!crew || json_streq(json_get(entry, "action"), "open")) {
        r->touched = MAX(r->touched, at);
    }
    r->acts++;
}

bool crew_plan_case(const struct crew *c, uint64_t seed, const struct json *one, instant begun,
                    instant touched, struct crew_plan *out)
{
    const char *id = json_get_string(one, "id");
    struct replay r = {
        c, one, json_get_string(one, "workflow"), chance_text(seed, id != NULL ? id : ""), begun, touched, 0};
    for (const struct json *m = json_first(json_get(one, "timeline")); m != NULL; m = m->next) {
        replay_entry(&r, m);
    }
    const struct crew_desk *d = crew_desk(c, r.workflow, json_get_string(one, "state"));
    uint64_t key = act_key(&r);
    const struct crew_step *s = d != NULL ? choose(d, one, key) : NULL;
    const char *account = s != NULL ? account_of(c, s, one, key) : NULL;
    if (account == NULL) {
        return false;
    }
    *out = (struct crew_plan){s, account, r.clock + span_of(s, key), key};
    if (r.touched > 0) {
        out->due = MAX(out->due, r.touched + c->hands_off);
    }
    return true;
}

int crew_acts(const struct json *one, instant *last)
{
    int acts = 0;
    for (const struct json *m = json_first(json_get(one, "timeline")); m != NULL; m = m->next) {
        if (!is_system(m)) {
            *last = time_of(m);
            acts++;
        }
    }
    return acts;
}

/* ---- values ---- */

static int64_t whole_between(const struct json *pair, uint64_t key)
{
    int64_t low = (int64_t)json_number(json_first(pair));
    int64_t high = (int64_t)json_number(json_first(pair)->next);
    return low + (int64_t)(chance_mix(key, SALT_NUMBER) % (uint64_t)(high - low + 1));
}

static struct json *date_ahead(struct arena *a, instant now, int64_t days)
{
    g_autoptr(GTimeZone) zone = g_time_zone_new_offset(8 * 3600);
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(now / INSTANT_SECOND);
    g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, zone);
    g_autoptr(GDateTime) day = g_date_time_add_days(local, (int)days);
    return json_printf(a, "%04d-%02d-%02d", g_date_time_get_year(day), g_date_time_get_month(day),
                       g_date_time_get_day_of_month(day));
}

static struct json *one_of(struct arena *a, const struct json *list, uint64_t key, instant now,
                           const struct crew_source *from)
{
    const struct json *m = json_first(list);
    for (uint64_t i = chance_mix(key, SALT_PICK) % list->length; i > 0; i--) {
        m = m->next;
    }
    return crew_value(a, m, chance_mix(key, SALT_PICK), now, from);
}

static struct json *asked(struct arena *a, const struct json *answer)
{
    return answer != NULL ? json_copy(a, answer) : NULL;
}

/* A mapping of plain names: each member is a value of its own. */
static struct json *members(struct arena *a, const struct json *rule, uint64_t key, instant now,
                            const struct crew_source *from)
{
    struct json *out = json_object(a);
    for (const struct json *m = json_first(rule); m != NULL; m = m->next) {
        struct json *value = crew_value(a, m, chance_text(key, m->key), now, from);
        if (value == NULL) {
            return NULL;
        }
        json_set(a, out, m->key, value);
    }
    return out;
}

struct json *crew_value(struct arena *a, const struct json *rule, uint64_t key, instant now,
                        const struct crew_source *from)
{
    const struct json *m = json_is(rule, JSON_OBJECT) && rule->length == 1 ? json_first(rule) : NULL;
    if (!json_is(rule, JSON_OBJECT)) {
        return json_copy(a, rule);
    }
    if (json_get(m != NULL ? rule : NULL, "one_of") != NULL) {
        return one_of(a, m, key, now, from);
    }
    if (m != NULL && strcmp(m->key, "between") == 0) {
        return json_int(a, whole_between(m, key));
    }
    if (m != NULL && strcmp(m->key, "days_ahead") == 0) {
        return date_ahead(a, now, whole_between(m, key));
    }
    if (m != NULL && strcmp(m->key, "picture") == 0) {
        return asked(a, from->picture(from->user, m->string, chance_mix(key, SALT_PICTURE)));
    }
    if (m != NULL && strcmp(m->key, "other") == 0) {
        return asked(a, from->other(from->user, m->string));
    }
    return members(a, rule, key, now, from);
}

struct json *crew_body(struct arena *a, const struct crew_plan *plan, instant now,
                       const struct crew_source *from)
{
    struct json *body = json_object(a);
    const struct {
        const char *name;
        const struct json *rule;
    } parts[] = {{"form", plan->step->form}, {"comment", plan->step->comment}};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        uint64_t key = chance_text(plan->key, parts[i].name);
        struct json *value = parts[i].rule != NULL ? crew_value(a, parts[i].rule, key, now, from) : NULL;
        if (value == NULL && parts[i].rule != NULL) {
            return NULL;
        }
        if (value != NULL) {
            json_add(body, parts[i].name, value);
        }
    }
    return body;
}
