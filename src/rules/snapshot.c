/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's memory as bytes: a head that names slots and rules, and pages of 64 subjects that refer to
 * them by number. */
#include <string.h>

#include "rules/engine_private.h"

enum { VERSION = 1, END = 0xff };
enum { FLAG_ARMED = 1, FLAG_WAITS = 2 };

/* ---- writing ---- */

static void put_number(GString *out, uint64_t n)
{
    while (n >= 0x80) {
        g_string_append_c(out, (char)(n | 0x80));
        n >>= 7;
    }
    g_string_append_c(out, (char)n);
}

static void put_signed(GString *out, int64_t n)
{
    put_number(out, ((uint64_t)n << 1) ^ (uint64_t)(n >> 63));
}

static void put_double(GString *out, double d)
{
    g_string_append_len(out, (const char *)&d, sizeof d);
}

static void put_text(GString *out, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    put_number(out, length);
    g_string_append_len(out, text != NULL ? text : "", (gssize)length);
}

static void put_held(GString *out, const struct held *h)
{
    put_number(out, h->slot);
    put_number(out, h->kind);
    put_signed(out, h->observed);
    switch (h->kind) {
    case HELD_NUMBER: put_double(out, h->number); break;
    case HELD_BOOL: put_number(out, h->boolean); break;
    case HELD_STRING:
    case HELD_GEOMETRY: put_text(out, h->text); break;
    case HELD_POINT:
        put_double(out, h->point[0]);
        put_double(out, h->point[1]);
        break;
    default: break;
    }
}

static void put_judgement(GString *out, int rule, const struct judgement *j)
{
    put_number(out, (uint64_t)rule);
    put_number(out, j->phase);
    put_number(out, j->severity);
    put_number(out, (j->armed ? FLAG_ARMED : 0) | (j->waits ? FLAG_WAITS : 0));
    put_signed(out, j->count);
    put_signed(out, j->since);
    put_signed(out, j->started);
    put_double(out, j->reference);
    put_number(out, j->reference_text != NULL);
    put_text(out, j->reference_text);
    put_number(out, (uint64_t)j->samples_count);
    for (int i = 0; i < j->samples_count; i++) {
        put_signed(out, j->samples[i].at);
        put_double(out, j->samples[i].value);
    }
}

static void put_subject(GString *out, const struct subject *subject)
{
    g_string_append_c(out, (char)(subject->number % ENGINE_PAGE));
    put_text(out, subject->id);
    put_number(out, subject->known);
    put_text(out, subject->class != NULL ? subject->class->key : "");
    put_number(out, subject->held_count);
    for (int i = 0; i < subject->held_count; i++) {
        put_held(out, &subject->held[i]);
    }
    int rules = subject->judgements != NULL ? subject->class->rules_count : 0, count = 0;
    for (int i = 0; i < rules; i++) {
        count += subject->judgements[i] != NULL;
    }
    put_number(out, (uint64_t)count);
    for (int i = 0; i < rules; i++) {
        if (subject->judgements[i] != NULL) {
            put_judgement(out, subject->class->rules[i], subject->judgements[i]);
        }
    }
}

static GString *page_of(const struct engine *e, uint32_t page)
{
    GString *out = g_string_new(NULL);
    for (uint32_t n = page * ENGINE_PAGE; n < (page + 1) * ENGINE_PAGE && n < e->subjects->all->len; n++) {
        if (g_ptr_array_index(e->subjects->all, n) != NULL) {
            put_subject(out, g_ptr_array_index(e->subjects->all, n));
        }
    }
    if (out->len > 0) {
        g_string_append_c(out, (char)END);
    }
    return out;
}

static void write_head(const struct engine *e, GString *out)
{
    arena_auto a = arena_new();
    struct json *head = json_object(a);
    json_add(head, "version", json_int(a, VERSION));
    json_add(head, "seq", json_int(a, (int64_t)e->seq));
    struct json *slots = json_add(head, "slots", json_array(a));
    for (guint i = 0; i < e->subjects->slot_names->len; i++) {
        json_append(slots, json_string(a, g_ptr_array_index(e->subjects->slot_names, i)));
    }
    struct json *rules = json_add(head, "rules", json_array(a));
    for (int i = 0; i < e->rules->count; i++) {
        const struct rule *rule = &e->rules->rules[i];
        struct json *r = json_append(rules, json_object(a));
        json_add(r, "name", json_string(a, rule->name));
        json_add(r, "pack", json_string(a, rule->pack));
        json_add(r, "logic", json_string(a, rule->logic));
        json_add(r, "enabled", json_bool(a, e->runs[i].enabled));
        json_add(r, "watermark", json_int(a, e->runs[i].watermark));
    }
    json_write(out, head);
}

void engine_save(struct engine *e, bool all, GString *head, GArray *pages)
{
    if (all) {
        subjects_touch_all(e->subjects);
    }
    write_head(e, head);
    for (guint i = 0; i < e->subjects->dirty_pages->len; i++) {
        if (e->subjects->dirty_pages->data[i] != 0) {
            struct engine_page page = {i, page_of(e, i)};
            g_array_append_val(pages, page);
        }
    }
    subjects_clean(e->subjects);
}

void engine_pages_clear(GArray *pages)
{
    for (guint i = 0; i < pages->len; i++) {
        g_string_free(g_array_index(pages, struct engine_page, i).data, TRUE);
    }
    g_array_set_size(pages, 0);
}

void engine_save_failed(struct engine *e)
{
    subjects_touch_all(e->subjects);
}

/* ---- reading ---- */

/* A snapshot being read: bytes left, and what its numbers mean in the new engine (-1 = gone). */
struct source {
    struct engine *engine;
    const char *at, *end;
    bool broken;
    int *slots, slots_count;
    int *rules, rules_count;
    bool *same_logic; /* by number in the snapshot */
    bool changed;
};

static uint64_t get_number(struct source *s)
{
    uint64_t n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (s->at >= s->end) {
            break;
        }
        unsigned char c = (unsigned char)*s->at++;
        n |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            return n;
        }
    }
    s->broken = true;
    return 0;
}

static int64_t get_signed(struct source *s)
{
    uint64_t n = get_number(s);
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

static double get_double(struct source *s)
{
    double d = 0;
    if ((size_t)(s->end - s->at) < sizeof d) {
        s->broken = true;
        return 0;
    }
    memcpy(&d, s->at, sizeof d);
    s->at += sizeof d;
    return d;
}

static char *get_text(struct source *s)
{
    uint64_t length = get_number(s);
    if (s->broken || length > (uint64_t)(s->end - s->at)) {
        s->broken = true;
        return g_strdup("");
    }
    char *text = g_strndup(s->at, length);
    s->at += length;
    return text;
}

static int get_index(struct source *s, const int *map, int count)
{
    uint64_t n = get_number(s);
    if (n >= (uint64_t)count) {
        s->broken = true;
        return -1;
    }
    return map[n];
}

static void get_held(struct source *s, struct subject *subject)
{
    int slot = get_index(s, s->slots, s->slots_count);
    struct held h = {.kind = (uint8_t)get_number(s)};
    h.observed = get_signed(s);
    switch (h.kind) {
    case HELD_NUMBER: h.number = get_double(s); break;
    case HELD_BOOL: h.boolean = get_number(s) != 0; break;
    case HELD_STRING:
    case HELD_GEOMETRY: h.text = get_text(s); break;
    case HELD_POINT:
        h.point[0] = get_double(s);
        h.point[1] = get_double(s);
        break;
    case HELD_MISSING: break;
    default: s->broken = true;
    }
    if (slot >= 0 && !s->broken) {
        h.slot = (uint16_t)slot;
        subject_put(subject, &h);
    } else if (h.kind == HELD_STRING || h.kind == HELD_GEOMETRY) {
        g_free(h.text);
    }
}

static struct judgement *read_judgement(struct source *s)
{
    struct judgement *j = g_new0(struct judgement, 1);
    j->phase = (uint8_t)get_number(s);
    j->severity = (uint8_t)get_number(s);
    uint64_t flags = get_number(s);
    j->armed = (flags & FLAG_ARMED) != 0;
    j->waits = (flags & FLAG_WAITS) != 0;
    j->count = get_signed(s);
    j->since = get_signed(s);
    j->started = get_signed(s);
    j->reference = get_double(s);
    bool text = get_number(s) != 0;
    j->reference_text = get_text(s);
    if (!text) {
        g_clear_pointer(&j->reference_text, g_free);
    }
    uint64_t samples = get_number(s);
    s->broken = s->broken || j->phase > PHASE_ACTIVE || j->severity > SEVERITY_BLUE ||
                samples > (uint64_t)(s->end - s->at) / 9;
    j->samples_count = j->samples_room = s->broken ? 0 : (int32_t)samples;
    j->samples = j->samples_count > 0 ? g_new0(struct sample, j->samples_count) : NULL;
    for (int i = 0; i < j->samples_count; i++) {
        j->samples[i].at = get_signed(s);
        j->samples[i].value = get_double(s);
    }
    return j;
}

static int position_of(const struct class *class, int rule)
{
    for (int i = 0; class != NULL && i < class->rules_count; i++) {
        if (class->rules[i] == rule) {
            return i;
        }
    }
    return -1;
}

/* Of a rule whose logic changed only an active alarm is worth keeping. */
static bool keep_alarm_only(struct judgement *j)
{
    g_clear_pointer(&j->samples, g_free);
    g_clear_pointer(&j->reference_text, g_free);
    j->samples_count = j->samples_room = 0;
    j->armed = j->waits = false;
    return j->phase == PHASE_ACTIVE;
}

static void get_judgement(struct source *s, struct subject *subject)
{
    int rule = get_index(s, s->rules, s->rules_count);
    struct judgement *j = read_judgement(s);
    int position = s->broken || rule < 0 ? -1 : position_of(subject->class, rule);
    if (position < 0 || (!s->same_logic[rule] && !keep_alarm_only(j))) {
        judgement_free(j);
        return;
    }
    subject_judgement(subject, position); /* makes room */
    judgement_free(subject->judgements[position]);
    subject->judgements[position] = j;
    s->engine->active += j->phase == PHASE_ACTIVE;
}

static void get_subject(struct source *s, uint32_t number)
{
    g_autofree char *id = get_text(s);
    bool known = get_number(s) != 0;
    g_autofree char *key = get_text(s);
    if (s->broken || subjects_find(s->engine->subjects, id) != NULL ||
        (number < s->engine->subjects->all->len &&
         g_ptr_array_index(s->engine->subjects->all, number) != NULL)) {
        s->broken = true;
        return;
    }
    struct subject *subject = subjects_add_at(s->engine->subjects, id, number);
    if (known) {
        subject_set_class(s->engine->subjects, subject, subjects_class_by_key(s->engine->subjects, key));
    }
    for (uint64_t n = get_number(s); n > 0 && !s->broken; n--) {
        get_held(s, subject);
    }
    for (uint64_t n = get_number(s); n > 0 && !s->broken; n--) {
        get_judgement(s, subject);
    }
}

static void get_page(struct source *s, const struct engine_page *page)
{
    s->at = page->data->str;
    s->end = s->at + page->data->len;
    while (!s->broken && s->at < s->end && (unsigned char)*s->at != END) {
        unsigned place = (unsigned char)*s->at++;
        if (place >= ENGINE_PAGE || page->number > UINT32_MAX / ENGINE_PAGE / 8) {
            s->broken = true;
        } else {
            get_subject(s, page->number * ENGINE_PAGE + place);
        }
    }
    s->broken = s->broken || (page->data->len > 0 && s->at + 1 != s->end);
}

static void map_slots(struct source *s, const struct json *slots)
{
    s->slots_count = 0;
    s->slots = g_new0(int, json_is(slots, JSON_ARRAY) ? slots->length + 1 : 1);
    for (const struct json *n = json_first(slots); n != NULL; n = n->next) {
        int slot = json_is(n, JSON_STRING) ? subjects_slot(s->engine->subjects, n->string) : -1;
        s->changed = s->changed || slot != s->slots_count;
        s->slots[s->slots_count++] = slot;
    }
    s->changed = s->changed || s->slots_count != (int)s->engine->subjects->slot_names->len;
}

static void map_rule(struct source *s, const struct json *r)
{
    struct engine *e = s->engine;
    const char *name = json_get_string(r, "name");
    int rule = -1;
    for (int i = 0; name != NULL && i < e->rules->count; i++) {
        rule = strcmp(e->rules->rules[i].name, name) == 0 ? i : rule;
    }
    bool same = rule >= 0 && json_streq(json_get(r, "logic"), e->rules->rules[rule].logic);
    if (rule >= 0) {
        e->runs[rule].enabled = json_get_bool(r, "enabled", true);
        e->runs[rule].watermark = json_get_int(r, "watermark", INSTANT_MIN);
        s->same_logic[rule] = same;
    }
    s->changed = s->changed || rule != s->rules_count || !same;
    s->rules[s->rules_count++] = rule;
}

static void map_rules(struct source *s, const struct json *rules)
{
    s->rules_count = 0;
    s->rules = g_new0(int, json_is(rules, JSON_ARRAY) ? rules->length + 1 : 1);
    s->same_logic = g_new0(bool, s->engine->rules->count + 1);
    for (const struct json *r = json_first(rules); r != NULL; r = r->next) {
        map_rule(s, r);
    }
    s->changed = s->changed || s->rules_count != s->engine->rules->count;
}

/* Timers are not saved: who waits says so. */
static void start_timers(struct engine *e)
{
    for (guint n = 0; n < e->subjects->all->len; n++) {
        struct subject *subject = g_ptr_array_index(e->subjects->all, n);
        for (int i = 0; subject != NULL && subject->judgements != NULL && i < subject->class->rules_count;
             i++) {
            struct judgement *j = subject->judgements[i];
            if (j != NULL && j->waits) {
                judge_wait(e, subject, i, j->since);
            }
        }
    }
}

bool engine_restore(struct engine *e, const char *head, size_t head_length,
                    bool (*next)(void *user, struct engine_page *page), void *user, bool *changed,
                    struct error *error)
{
    arena_auto a = arena_new();
    struct json *h = json_parse(a, head, head_length, error);
    if (h == NULL || json_get_int(h, "version", 0) != VERSION) {
        return error_set(error, ERROR_INTERNAL, "the snapshot of the rules has another version",
                         "规则快照的版本不符");
    }
    struct source s = {.engine = e};
    map_slots(&s, json_get(h, "slots"));
    map_rules(&s, json_get(h, "rules"));
    struct engine_page page;
    while (!s.broken && next(user, &page)) {
        get_page(&s, &page);
    }
    g_free(s.slots);
    g_free(s.rules);
    g_free(s.same_logic);
    if (s.broken) {
        return error_set(error, ERROR_INTERNAL, "the snapshot of the rules is damaged", "规则快照已损坏");
    }
    e->seq = (uint64_t)json_get_int(h, "seq", 0);
    subjects_relink(e->subjects);
    start_timers(e);
    subjects_clean(e->subjects);
    if (s.changed) {
        subjects_touch_all(e->subjects);
    }
    if (changed != NULL) {
        *changed = s.changed;
    }
    return true;
}
