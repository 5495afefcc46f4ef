/* SPDX-License-Identifier: Apache-2.0 */
/* The signal model: day curves, noise, response to drivers, incidents. */
#include "demo/signal.h"

#include <math.h>
#include <string.h>

#define HOUR (3600 * INSTANT_SECOND)
#define DAY (24 * HOUR)

enum {
    RESPONSE_STEPS = 12, /* samples of the exponential memory of a response */
    RESPONSE_SPAN = 3,   /* in units of decay; beyond lies 5 % */
    LOCAL_HOURS = 8,     /* east of UTC */
};

/* Salts of chance, one for each question asked of the same key. */
enum {
    SALT_BASE = 1,
    SALT_NOISE,
    SALT_JITTER,
    SALT_BY,
    SALT_SAW,
    SALT_START,
    SALT_CHANCE,
    SALT_LASTS,
    SALT_STRENGTH,
    SALT_TARGET,
    SALT_AMOUNT
};

/* ---- chance: SplitMix64 (Steele, Lea, Flood 2014) ---- */

uint64_t chance_mix(uint64_t key, uint64_t salt)
{
    uint64_t z = key + (salt + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t chance_text(uint64_t key, const char *text)
{
    for (; *text != '\0'; text++) {
        key = chance_mix(key, (unsigned char)*text);
    }
    return key;
}

double chance_unit(uint64_t key, uint64_t salt)
{
    return (double)(chance_mix(key, salt) >> 11) * 0x1.0p-53;
}

double chance_range(struct range r, uint64_t key, uint64_t salt)
{
    return r.low + (r.high - r.low) * chance_unit(key, salt);
}

/* ---- time ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static double mix(double a, double b, double share)
{
    return a + (b - a) * share;
}

/* The day's curve at a local time, straight between the hours; yesterday's factor counts until midnight. */
static double curve(const struct signal *s, instant t)
{
    instant local = t + LOCAL_HOURS * HOUR;
    int64_t day = floor_div(local, DAY);
    double hour = (double)(local - day * DAY) / HOUR;
    int h = (int)hour;
    int weekday = (int)((day % DEMO_DAYS + DEMO_DAYS + 3) % DEMO_DAYS); /* 1970-01-01 was a Thursday */
    return mix(s->daily[h], s->daily[(h + 1) % DEMO_HOURS], hour - h) * s->weekly[weekday];
}

/* Smooth wandering between -1 and 1: random values at multiples of span, joined by cosines; a fifth of it
 * flickers from second to second. */
static double wander(uint64_t key, int64_t span, instant t)
{
    int64_t slot = floor_div(t, span);
    double share = (1 - cos(G_PI * (double)(t - slot * span) / (double)span)) / 2;
    uint64_t slow = chance_mix(key, SALT_NOISE);
    uint64_t fast = chance_mix(key, SALT_JITTER);
    double smooth = mix(chance_unit(slow, (uint64_t)slot), chance_unit(slow, (uint64_t)slot + 1), share);
    double flicker = chance_unit(fast, (uint64_t)floor_div(t, INSTANT_SECOND));
    return (0.8 * smooth + 0.2 * flicker) * 2 - 1;
}

static int64_t span_between(int64_t shortest, int64_t longest, uint64_t key)
{
    return shortest + (int64_t)((double)(longest - shortest) * chance_unit(key, SALT_LASTS));
}

/* The strength of the spells around t: a bell over each spell. */
static double showers(const struct showers *s, uint64_t key, instant t)
{
    double sum = 0;
    if (s->every == 0) {
        return 0;
    }
    for (int64_t slot = floor_div(t - s->longest, s->every); slot <= floor_div(t, s->every); slot++) {
        uint64_t k = chance_mix(key, (uint64_t)slot);
        instant start = slot * s->every + (int64_t)((double)s->every * chance_unit(k, SALT_START));
        int64_t lasts = span_between(s->shortest, s->longest, k);
        if (t <= start || t >= start + lasts || chance_unit(k, SALT_CHANCE) >= s->chance) {
            continue;
        }
        double bell = sin(G_PI * (double)(t - start) / (double)lasts);
        double ratio = s->strength.high / s->strength.low;
        sum += s->strength.low * pow(ratio, chance_unit(k, SALT_STRENGTH)) * bell * bell;
    }
    return sum;
}

static double saw(const struct signal *s, uint64_t key, instant t)
{
    if (s->saw_over == 0) {
        return 0;
    }
    double turns = (double)t / (double)s->saw_over + chance_unit(key, SALT_SAW);
    return mix(s->saw_from, s->saw_to, turns - floor(turns));
}

/* What a signal does by itself, of a driver (key of the signal) or of a device (key of both). */
static double alone(const struct signal *s, uint64_t key, instant t)
{
    double value =
        chance_range(s->base, key, SALT_BASE) + curve(s, t) + saw(s, key, t) + showers(&s->showers, key, t);
    return s->noise > 0 ? value + s->noise * wander(key, s->noise_span, t) : value;
}

double driver_value(const struct world *w, int driver, instant t)
{
    const struct signal *s = &w->drivers[driver];
    return CLAMP(alone(s, s->key, t), s->min, s->max);
}

/* The driver as it is remembered at t: exponentially fading, sampled. */
static double remembered(const struct world *w, const struct response *r, instant t)
{
    double sum = 0;
    double weights = 0;
    t -= r->delay;
    if (r->decay == 0) {
        return driver_value(w, r->driver, t);
    }
    int64_t step = r->decay * RESPONSE_SPAN / RESPONSE_STEPS;
    for (int i = 0; i < RESPONSE_STEPS; i++) {
        double weight = exp(-((double)i + 0.5) * RESPONSE_SPAN / RESPONSE_STEPS);
        sum += weight * driver_value(w, r->driver, t - i * step);
        weights += weight;
    }
    return sum / weights;
}

double signal_plain(const struct world *w, const struct device *d, const struct signal *s, instant t)
{
    uint64_t key = chance_mix(d->key, s->key);
    double value = alone(s, key, t);
    for (int i = 0; i < s->responses_count; i++) {
        const struct response *r = &s->responses[i];
        value += chance_range(r->by, key, (uint64_t)SALT_BY << 32 | (uint64_t)i) * remembered(w, r, t);
    }
    return CLAMP(value, s->min, s->max);
}

/* ---- incidents ---- */

struct occurrence incident_occurrence(const struct incident *i, int64_t slot)
{
    struct occurrence o = {.key = chance_mix(i->key, (uint64_t)slot)};
    o.start = slot * i->every + (int64_t)((double)i->every * i->jitter * chance_unit(o.key, SALT_START));
    o.end = o.start + span_between(i->shortest, i->longest, o.key);
    o.target = &i->group->devices[chance_mix(o.key, SALT_TARGET) % (uint64_t)i->group->count];
    return o;
}

/* How much of an occurrence a device feels through an effect, 0 to 1, by place. */
static double share_by_place(const struct incident *i, const struct effect *f, const struct occurrence *o,
                             const struct device *d)
{
    const struct device *felt = f->link >= 0 ? o->target->links[f->link] : o->target;
    if (felt == d) {
        return 1;
    }
    if (i->near <= 0 || felt == NULL || felt->group != d->group) {
        return 0;
    }
    return MAX(0, 1 - geo_haversine(felt->lon, felt->lat, d->lon, d->lat) / i->near);
}

/* … and by time: it rises and falls. */
static double share_by_time(const struct effect *f, const struct occurrence *o, instant t)
{
    double rising = f->rise > 0 ? (double)(t - o->start) / (double)f->rise : 1;
    double falling = f->fall > 0 ? (double)(o->end - t) / (double)f->fall : 1;
    return CLAMP(MIN(rising, falling), 0, 1);
}

/* Goes through what happens to a device at t. */
typedef void effect_visitor(void *user, const struct effect *f, const struct occurrence *o, double place);

static void visit_effects(const struct incident *i, const struct device *d, instant t, effect_visitor *visit,
                          void *user)
{
    for (int64_t slot = floor_div(t - i->longest, i->every); slot <= floor_div(t, i->every); slot++) {
        struct occurrence o = incident_occurrence(i, slot);
        if (t < o.start || t >= o.end) {
            continue;
        }
        for (int n = 0; n < i->effects_count; n++) {
            double place = share_by_place(i, &i->effects[n], &o, d);
            if (place > 0) {
                visit(user, &i->effects[n], &o, place);
            }
        }
    }
}

static bool touches(const struct incident *i, const struct group *g)
{
    for (int n = 0; n < i->effects_count; n++) {
        int link = i->effects[n].link;
        if ((link >= 0 ? i->group->links[link].to : i->group) == g) {
            return true;
        }
    }
    return false;
}

static void each_effect(const struct world *w, const struct device *d, instant t, effect_visitor *visit,
                        void *user)
{
    for (int i = 0; i < w->incidents_count; i++) {
        if (touches(&w->incidents[i], d->group)) {
            visit_effects(&w->incidents[i], d, t, visit, user);
        }
    }
}

/* A signal's value while the incidents work on it. */
struct working {
    const struct world *world;
    const struct device *device;
    int signal;
    instant at;
    double value;
};

static void apply(void *user, const struct effect *f, const struct occurrence *o, double place)
{
    struct working *x = user;
    if (f->kind == EFFECT_SILENT || f->signal != x->signal) {
        return;
    }
    double share = place * share_by_time(f, o, x->at);
    double amount = chance_range(f->amount, o->key, SALT_AMOUNT);
    switch (f->kind) {
    case EFFECT_ADD: x->value += amount * share; break;
    case EFFECT_SCALE: x->value *= mix(1, amount, share); break;
    case EFFECT_SET: x->value = mix(x->value, amount, share); break;
    case EFFECT_DRIFT: x->value += amount * place * (double)(x->at - o->start) / HOUR; break;
    case EFFECT_FREEZE:
        x->value = signal_plain(x->world, x->device, &x->device->group->signals[x->signal], o->start);
        break;
    case EFFECT_SILENT: break;
    }
}

double signal_value(const struct world *w, const struct device *d, int signal, instant t)
{
    const struct signal *s = &d->group->signals[signal];
    struct working x = {w, d, signal, t, signal_plain(w, d, s, t)};
    each_effect(w, d, t, apply, &x);
    double value = CLAMP(x.value, s->min, s->max);
    if (s->decimals < 0) {
        return value;
    }
    double unit = pow(10, s->decimals);
    return round(value * unit) / unit;
}

static void note_silence(void *user, const struct effect *f, const struct occurrence *o, double place)
{
    if (f->kind == EFFECT_SILENT) {
        *(bool *)user = true;
    }
}

bool device_silent(const struct world *w, const struct device *d, instant t)
{
    bool silent = false;
    each_effect(w, d, t, note_silence, &silent);
    return silent;
}

/* ---- the message ---- */

static void write_value(GString *out, const struct signal *s, double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    if (s->boolean) {
        g_string_append(out, value >= 0.5 ? "true" : "false");
    } else if (s->words_count > 0) {
        int n = (int)fmod(floor(value), s->words_count);
        const char *word = s->words[n < 0 ? n + s->words_count : n];
        json_write_string(out, word, strlen(word));
    } else if (s->decimals >= 0) {
        char format[] = {'%', '.', (char)('0' + s->decimals), 'f', '\0'};
        g_string_append(out, g_ascii_formatd(number, sizeof number, format, value));
    } else {
        g_string_append(out, g_ascii_formatd(number, sizeof number, "%.9g", value));
    }
}

void device_message(const struct world *w, const struct device *d, instant t, GString *out)
{
    char time[INSTANT_TEXT];
    g_string_assign(out, "{\"ts\":\"");
    g_string_append(out, instant_format(t, time));
    g_string_append_c(out, '"');
    for (int i = 0; i < d->group->signals_count; i++) {
        const struct signal *s = &d->group->signals[i];
        g_string_append_c(out, ',');
        json_write_string(out, s->name, strlen(s->name));
        g_string_append_c(out, ':');
        write_value(out, s, signal_value(w, d, i, t));
    }
    g_string_append_c(out, '}');
}
