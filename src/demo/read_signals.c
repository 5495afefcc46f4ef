/* SPDX-License-Identifier: Apache-2.0 */
/* Signals and drivers as sections say them. */
#include <string.h>

#include "demo/read.h"

struct signal_text {
    struct signal s;
    const struct json *base, *daily, *weekly, *showers, *saw, *responds, *words;
};

#define S(member) offsetof(struct signal_text, member)
static const struct json_field signal_fields[] = {
    {"base", FIELD_ANY, S(base)},
    {"daily", FIELD_ARRAY, S(daily)},
    {"weekly", FIELD_ARRAY, S(weekly)},
    {"noise", FIELD_DOUBLE, S(s.noise)},
    {"noise_span", FIELD_SPAN, S(s.noise_span)},
    {"showers", FIELD_OBJECT, S(showers)},
    {"saw", FIELD_OBJECT, S(saw)},
    {"responds", FIELD_OBJECT, S(responds)},
    {"min", FIELD_DOUBLE, S(s.min)},
    {"max", FIELD_DOUBLE, S(s.max)},
    {"decimals", FIELD_INT, S(s.decimals)},
    {"words", FIELD_ARRAY, S(words)},
    {"boolean", FIELD_BOOL, S(s.boolean)},
    {NULL},
};

struct showers_text {
    struct showers s;
    const struct json *lasts, *strength;
};
static const struct json_field showers_fields[] = {
    {"every", FIELD_SPAN, offsetof(struct showers_text, s.every), true},
    {"chance", FIELD_DOUBLE, offsetof(struct showers_text, s.chance)},
    {"lasts", FIELD_ARRAY, offsetof(struct showers_text, lasts), true},
    {"strength", FIELD_ANY, offsetof(struct showers_text, strength), true},
    {NULL},
};

static void read_showers(struct reader *r, const struct json *from, struct showers *out)
{
    struct showers_text t = {.s.chance = 1};
    if (from == NULL || !read_fields(r, from, showers_fields, &t) || !read_every(r, from, t.s.every)) {
        return;
    }
    read_spans(r, t.lasts, &t.s.shortest, &t.s.longest);
    read_range(r, t.strength, &t.s.strength);
    if (t.s.strength.low <= 0 || t.s.strength.high < t.s.strength.low) {
        mistake(r, t.strength, "strength must be [low, high] with 0 < low <= high",
                "strength 必须是 [低, 高]，且 0 < 低 <= 高");
    }
    *out = t.s;
}

static const struct json_field saw_fields[] = {
    {"from", FIELD_DOUBLE, offsetof(struct signal, saw_from), true},
    {"to", FIELD_DOUBLE, offsetof(struct signal, saw_to), true},
    {"over", FIELD_SPAN, offsetof(struct signal, saw_over), true},
    {NULL},
};

static void read_words(struct reader *r, const struct json *list, struct signal *s)
{
    if (list == NULL) {
        return;
    }
    s->words = arena_array(r->a, const char *, list->length);
    for (const struct json *w = list->first; w != NULL; w = w->next) {
        if (json_is(w, JSON_STRING)) {
            s->words[s->words_count++] = w->string;
        } else {
            mistake(r, w, "words must be texts", "words 必须是文本");
        }
    }
}

struct response_text {
    struct response r;
    const struct json *by;
};
static const struct json_field response_fields[] = {
    {"by", FIELD_ANY, offsetof(struct response_text, by), true},
    {"delay", FIELD_SPAN, offsetof(struct response_text, r.delay)},
    {"decay", FIELD_SPAN, offsetof(struct response_text, r.decay)},
    {NULL},
};

static int find_driver(const struct world *w, const char *name)
{
    for (int i = 0; i < w->drivers_count; i++) {
        if (strcmp(w->drivers[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void read_responses(struct reader *r, const struct json *from, struct signal *s)
{
    s->responses = from != NULL ? arena_array(r->a, struct response, from->length) : NULL;
    for (const struct json *m = json_first(from); m != NULL; m = m->next) {
        struct response_text t = {.r.driver = find_driver(r->w, m->key)};
        if (t.r.driver < 0) {
            mistake(r, m, "There is no driver \"%s\" in these packs", "这些包中没有驱动量“%s”", m->key);
        } else if (read_fields(r, m, response_fields, &t)) {
            read_range(r, t.by, &t.r.by);
            s->responses[s->responses_count++] = t.r;
        }
    }
}

struct signal read_signal(struct reader *r, const struct json *from)
{
    struct signal_text t = {.s = {.name = from->key,
                                  .min = -1e12,
                                  .max = 1e12,
                                  .decimals = -1,
                                  .noise_span = 600 * INSTANT_SECOND}};
    for (int i = 0; i < DEMO_DAYS; i++) {
        t.s.weekly[i] = 1;
    }
    if (!read_fields(r, from, signal_fields, &t)) {
        return t.s;
    }
    read_range(r, t.base, &t.s.base);
    if (t.daily != NULL) {
        read_numbers(r, t.daily, DEMO_HOURS, t.s.daily);
    }
    if (t.weekly != NULL) {
        read_numbers(r, t.weekly, DEMO_DAYS, t.s.weekly);
    }
    read_showers(r, t.showers, &t.s.showers);
    if (t.saw != NULL && read_fields(r, t.saw, saw_fields, &t.s) && t.s.saw_over < INSTANT_SECOND) {
        mistake(r, t.saw, "over must be 1s or longer", "over 至少为 1s");
    }
    read_words(r, t.words, &t.s);
    read_responses(r, t.responds, &t.s);
    if (t.s.min > t.s.max || t.s.decimals > 9 || t.s.decimals < -1 || t.s.noise_span < INSTANT_SECOND) {
        mistake(r, from, "min must not exceed max, decimals lie between 0 and 9, noise_span is 1s or longer",
                "min 不得大于 max，decimals 为 0 到 9，noise_span 至少为 1s");
    }
    t.s.key = chance_text(r->w->seed, from->key);
    return t.s;
}

void read_drivers(struct reader *r, const struct json *from)
{
    for (const struct json *m = json_first(from); m != NULL; m = m->next) {
        if (find_driver(r->w, m->key) >= 0) {
            mistake(r, m, "Another pack has a driver \"%s\" already", "另一个包已有驱动量“%s”", m->key);
        } else if (json_get(m, "responds") != NULL) {
            mistake(r, json_get(m, "responds"), "A driver responds to nothing; only signals do",
                    "驱动量不能再 responds，只有信号可以");
        } else {
            r->w->drivers[r->w->drivers_count++] = read_signal(r, m);
        }
    }
}
