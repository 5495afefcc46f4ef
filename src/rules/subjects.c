/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the rules: entities by number and id, their last values, their classes and links. */
#include "rules/subjects.h"

#include <string.h>

enum { MAX_SLOTS = 60000 };

/* ---- slots: one number for each attribute that some rule uses ---- */

int subjects_slot(const struct subjects *s, const char *attribute)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(s->slots, attribute)) - 1;
}

static int add_slot(struct subjects *s, const char *name, int flag)
{
    int slot = subjects_slot(s, name);
    if (slot < 0) {
        g_assert(s->slot_names->len < MAX_SLOTS);
        slot = (int)s->slot_names->len;
        g_ptr_array_add(s->slot_names, g_strdup(name));
        g_hash_table_insert(s->slots, g_ptr_array_index(s->slot_names, slot), GINT_TO_POINTER(slot + 1));
        s->slot_flags = g_renew(uint8_t, s->slot_flags, slot + 1);
        s->slot_flags[slot] = 0;
    }
    s->slot_flags[slot] |= (uint8_t)flag;
    return slot;
}

static void add_path(struct subjects *s, const struct formula_path *path)
{
    for (int i = 0; i < path->count; i++) {
        int flag = (i + 1 < path->count ? SLOT_LINK : 0) | (i > 0 ? SLOT_LINKED : 0);
        add_slot(s, path->segments[i], flag);
    }
    s->depth = MAX(s->depth, path->count - 1);
}

static void add_formula(struct subjects *s, const struct formula *f)
{
    int count = 0;
    const struct formula_path *paths = f != NULL ? formula_paths(f, &count) : NULL;
    for (int i = 0; i < count; i++) {
        add_path(s, &paths[i]);
    }
}

static void add_rule_slots(struct subjects *s, const struct rule *rule)
{
    add_formula(s, rule->when);
    add_formula(s, rule->clear);
    add_formula(s, rule->of);
    for (int i = 0; i < rule->severities_count; i++) {
        add_formula(s, rule->severities[i].when);
    }
    if (rule->attribute != NULL) {
        add_slot(s, rule->attribute, 0);
    }
    if (rule->zone_from != NULL) {
        add_slot(s, rule->zone_from, SLOT_LINK);
    }
    if (rule->kind == RULE_GEOFENCE) {
        add_slot(s, "location", SLOT_LINKED);
    }
    for (int i = 0; i < RULE_LANGUAGES; i++) {
        int count;
        const struct formula_path *paths = text_template_paths(rule->message[i], &count);
        for (int k = 0; k < count; k++) {
            add_path(s, &paths[k]);
        }
    }
}

/* ---- classes ---- */

static void class_free(void *data)
{
    struct class *c = data;
    for (guint i = 0; c->touch != NULL && c->touch[i] != (GArray *)-1; i++) {
        if (c->touch[i] != NULL) {
            g_array_unref(c->touch[i]);
        }
    }
    g_free(c->touch);
    g_array_unref(c->always);
    g_array_unref(c->linked);
    g_free(c->rules);
    g_strfreev(c->types);
    g_free(c->key);
    g_free(c);
}

static bool last_is(const GArray *list, int position)
{
    return list->len > 0 && g_array_index(list, int, list->len - 1) == position;
}

static void touch(struct class *c, int slot, int position)
{
    if (slot < 0) {
        return;
    }
    if (c->touch[slot] == NULL) {
        c->touch[slot] = g_array_new(FALSE, FALSE, sizeof(int));
    }
    GArray *list = c->touch[slot];
    if (!last_is(list, position)) {
        g_array_append_val(list, position);
    }
}

static void touch_names(struct subjects *s, struct class *c, const struct formula *f, int position)
{
    int count = 0;
    const struct formula_path *paths = f != NULL ? formula_paths(f, &count) : NULL;
    for (int i = 0; i < count; i++) {
        touch(c, subjects_slot(s, paths[i].segments[0]), position);
    }
}

/* The same, and also when the entities that it links to change. */
static void touch_formula(struct subjects *s, struct class *c, const struct formula *f, int position)
{
    int count = 0;
    const struct formula_path *paths = f != NULL ? formula_paths(f, &count) : NULL;
    for (int i = 0; i < count; i++) {
        touch(c, subjects_slot(s, paths[i].segments[0]), position);
        if (paths[i].count > 1 && !last_is(c->linked, position)) {
            g_array_append_val(c->linked, position);
        }
    }
}

/* Which changes make a rule look again. The windows of rate, stuck and count take a sample only when their
 * own attributes come. */
static void touch_rule(struct subjects *s, struct class *c, const struct rule *rule, int position)
{
    switch (rule->kind) {
    case RULE_THRESHOLD:
        touch_formula(s, c, rule->when, position);
        touch_formula(s, c, rule->clear, position);
        for (int i = 0; i < rule->severities_count; i++) {
            touch_formula(s, c, rule->severities[i].when, position);
        }
        break;
    case RULE_COUNT: touch_names(s, c, rule->of, position); break;
    case RULE_ABSENCE:
        if (rule->attribute == NULL) {
            g_array_append_val(c->always, position);
            break;
        }
        touch(c, subjects_slot(s, rule->attribute), position);
        break;
    case RULE_RATE:
    case RULE_STUCK:
    case RULE_GEOFENCE: touch(c, subjects_slot(s, rule->attribute), position); break;
    }
}

static bool is_internal(char *const *types)
{
    return g_strv_contains((const char *const *)types, "Alarm") ||
           g_strv_contains((const char *const *)types, "Case") ||
           g_strv_contains((const char *const *)types, "Rule");
}

static struct class *class_new(struct subjects *s, char **types)
{
    struct class *c = g_new0(struct class, 1);
    guint slots = s->slot_names->len;
    c->types = types;
    c->touch = g_new0(GArray *, slots + 1);
    c->touch[slots] = (GArray *)-1;
    c->always = g_array_new(FALSE, FALSE, sizeof(int));
    c->linked = g_array_new(FALSE, FALSE, sizeof(int));
    c->rules = g_new0(int, s->rules->count + 1);
    c->internal = is_internal(types);
    for (int i = 0; i < s->rules->count && !c->internal; i++) {
        const struct rule *rule = &s->rules->rules[i];
        if (g_strv_contains((const char *const *)types, rule->type)) {
            c->rules[c->rules_count] = i;
            touch_rule(s, c, rule, c->rules_count++);
        }
        if (rule->zone != NULL && !rule->zone_is_id &&
            g_strv_contains((const char *const *)types, rule->zone)) {
            c->is_zone = true;
        }
    }
    c->wanted = c->rules_count > 0 || c->is_zone;
    return c;
}

struct class *subjects_class_by_key(struct subjects *s, const char *key)
{
    struct class *c = g_hash_table_lookup(s->classes, key);
    if (c == NULL) {
        c = class_new(s, g_strsplit(key, "\n", -1));
        c->key = g_strdup(key);
        g_hash_table_insert(s->classes, c->key, c);
    }
    return c;
}

struct class *subjects_class(struct subjects *s, const struct json *types)
{
    const struct json *first = json_first(types);
    const char *key = json_is(first, JSON_STRING)   ? first->string
                      : json_is(types, JSON_STRING) ? types->string
                                                    : "";
    g_autofree char *joined = NULL;
    if (first != NULL && first->next != NULL) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (const struct json *t = first; t != NULL; t = t->next) {
            g_string_append_printf(text, "%s%s", text->len > 0 ? "\n" : "",
                                   json_is(t, JSON_STRING) ? t->string : "");
        }
        key = joined = g_strdup(text->str);
    }
    return subjects_class_by_key(s, key);
}

/* ---- subjects ---- */

void judgement_free(struct judgement *j)
{
    if (j != NULL) {
        g_free(j->samples);
        g_free(j->reference_text);
        g_free(j);
    }
}

static void free_judgements(struct subject *subject)
{
    for (int i = 0; subject->judgements != NULL && i < subject->class->rules_count; i++) {
        judgement_free(subject->judgements[i]);
    }
    g_clear_pointer(&subject->judgements, g_free);
}

static void subject_free(void *data)
{
    struct subject *subject = data;
    if (subject == NULL) {
        return;
    }
    free_judgements(subject);
    for (int i = 0; i < subject->held_count; i++) {
        held_clear(&subject->held[i]);
    }
    if (subject->dependents != NULL) {
        g_ptr_array_unref(subject->dependents);
    }
    fence_free(subject->fence);
    g_free(subject->held);
    g_free(subject->id);
    g_free(subject);
}

static gint by_number(gconstpointer a, gconstpointer b)
{
    guint x = GPOINTER_TO_UINT(a), y = GPOINTER_TO_UINT(b);
    return x < y ? -1 : x > y;
}

struct subjects *subjects_new(const struct rule_set *rules)
{
    struct subjects *s = g_new0(struct subjects, 1);
    s->rules = rules;
    s->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    s->all = g_ptr_array_new_with_free_func(subject_free);
    s->free_numbers = g_tree_new(by_number);
    s->slots = g_hash_table_new(g_str_hash, g_str_equal);
    s->slot_names = g_ptr_array_new_with_free_func(g_free);
    s->classes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, class_free);
    s->seen_names = g_hash_table_new(NULL, NULL);
    s->zones = g_ptr_array_new();
    s->dirty_pages = g_byte_array_new();
    for (int i = 0; i < rules->count; i++) {
        add_rule_slots(s, &rules->rules[i]);
    }
    return s;
}

void subjects_free(struct subjects *s)
{
    if (s == NULL) {
        return;
    }
    g_ptr_array_unref(s->zones);
    g_byte_array_unref(s->dirty_pages);
    g_hash_table_unref(s->by_id);
    g_ptr_array_unref(s->all);
    g_hash_table_unref(s->classes);
    g_hash_table_unref(s->seen_names);
    g_hash_table_unref(s->slots);
    g_ptr_array_unref(s->slot_names);
    g_tree_unref(s->free_numbers);
    g_free(s->slot_flags);
    g_free(s);
}

struct subject *subjects_find(const struct subjects *s, const char *id)
{
    return g_hash_table_lookup(s->by_id, id);
}

static void touch_page(struct subjects *s, uint32_t page)
{
    guint before = s->dirty_pages->len;
    if (page >= before) {
        g_byte_array_set_size(s->dirty_pages, page + 1);
        memset(s->dirty_pages->data + before, 0, page + 1 - before);
    }
    s->dirty_pages->data[page] = 1;
}

void subject_touch(struct subjects *s, struct subject *subject)
{
    if (!subject->dirty) {
        subject->dirty = true;
        s->dirty_count++;
        touch_page(s, subject->number / ENGINE_PAGE);
    }
}

void subjects_touch_all(struct subjects *s)
{
    for (guint n = 0; n < s->all->len; n++) {
        if (g_ptr_array_index(s->all, n) != NULL) {
            subject_touch(s, g_ptr_array_index(s->all, n));
        }
        touch_page(s, n / ENGINE_PAGE);
    }
}

void subjects_clean(struct subjects *s)
{
    for (guint n = 0; s->dirty_count > 0 && n < s->all->len; n++) {
        struct subject *subject = g_ptr_array_index(s->all, n);
        if (subject != NULL) {
            subject->dirty = false;
        }
    }
    g_byte_array_set_size(s->dirty_pages, 0);
    s->dirty_count = 0;
}

struct subject *subjects_add_at(struct subjects *s, const char *id, uint32_t number)
{
    struct subject *subject = g_new0(struct subject, 1);
    subject->id = g_strdup(id);
    subject->number = number;
    subject->generation = ++s->generations;
    while (s->all->len <= number) {
        g_ptr_array_add(s->all, NULL);
    }
    g_assert(g_ptr_array_index(s->all, number) == NULL);
    g_ptr_array_index(s->all, number) = subject;
    g_hash_table_insert(s->by_id, subject->id, subject);
    return subject;
}

static uint32_t take_number(struct subjects *s)
{
    GTreeNode *lowest = g_tree_node_first(s->free_numbers);
    if (lowest == NULL) {
        return s->all->len;
    }
    void *key = g_tree_node_key(lowest);
    g_tree_remove(s->free_numbers, key);
    return GPOINTER_TO_UINT(key) - 1;
}

static void free_number(struct subjects *s, uint32_t number)
{
    g_tree_insert(s->free_numbers, GUINT_TO_POINTER(number + 1), NULL);
}

struct subject *subjects_add(struct subjects *s, const char *id, struct class *class)
{
    struct subject *subject = subjects_find(s, id);
    if (subject == NULL) {
        subject = subjects_add_at(s, id, take_number(s));
        subject_touch(s, subject);
    }
    if (class != NULL && subject->class != class) {
        subject_set_class(s, subject, class);
    }
    return subject;
}

void subject_set_class(struct subjects *s, struct subject *subject, struct class *class)
{
    struct class *old = subject->class;
    struct judgement **before = subject->judgements;
    subject->judgements = before != NULL ? g_new0(struct judgement *, class->rules_count + 1) : NULL;
    for (int i = 0; before != NULL && i < old->rules_count; i++) {
        for (int k = 0; k < class->rules_count && before[i] != NULL; k++) {
            if (class->rules[k] == old->rules[i]) {
                subject->judgements[k] = g_steal_pointer(&before[i]);
            }
        }
        judgement_free(before[i]);
    }
    g_free(before);
    if (old != NULL && old->is_zone) {
        g_ptr_array_remove(s->zones, subject);
    }
    if (class->is_zone) {
        g_ptr_array_add(s->zones, subject);
    }
    subject->class = class;
    subject->known = true;
    subject_touch(s, subject);
}

struct held *subject_held(const struct subject *subject, int slot)
{
    for (int i = 0; i < subject->held_count; i++) {
        if (subject->held[i].slot == slot) {
            return &subject->held[i];
        }
    }
    return NULL;
}

struct judgement *subject_judgement(struct subject *subject, int position)
{
    if (subject->judgements == NULL) {
        subject->judgements = g_new0(struct judgement *, subject->class->rules_count + 1);
    }
    if (subject->judgements[position] == NULL) {
        subject->judgements[position] = g_new0(struct judgement, 1);
    }
    return subject->judgements[position];
}

/* ---- links ---- */

static int by_id(const void *a, const void *b)
{
    const struct subject *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static void link_to(struct subjects *s, struct subject *from, const char *target)
{
    struct subject *to = subjects_add(s, target, NULL);
    if (to->dependents == NULL) {
        to->dependents = g_ptr_array_new();
    }
    if (!g_ptr_array_find(to->dependents, from, NULL)) {
        g_ptr_array_add(to->dependents, from);
        g_ptr_array_sort(to->dependents, by_id);
    }
}

static bool links_to(const struct subjects *s, const struct subject *from, const char *target)
{
    for (int i = 0; i < from->held_count; i++) {
        const struct held *h = &from->held[i];
        if (h->kind == HELD_STRING && (s->slot_flags[h->slot] & SLOT_LINK) != 0 &&
            strcmp(h->text, target) == 0) {
            return true;
        }
    }
    return false;
}

/* Called when `from` has dropped a link to target; another of its Relationships may still lead there. */
static void unlink_from(struct subjects *s, struct subject *from, const char *target)
{
    struct subject *to = subjects_find(s, target);
    if (to != NULL && to->dependents != NULL && !links_to(s, from, target)) {
        g_ptr_array_remove(to->dependents, from);
        if (to->dependents->len == 0 && !to->known && to != from) {
            subjects_remove(s, to);
        }
    }
}

void subjects_relink(struct subjects *s)
{
    guint count = s->all->len; /* those that link_to adds have no links */
    for (guint n = 0; n < count; n++) {
        struct subject *subject = g_ptr_array_index(s->all, n);
        if (subject == NULL) {
            free_number(s, n);
        }
    }
    for (guint n = 0; n < count; n++) {
        struct subject *subject = g_ptr_array_index(s->all, n);
        for (int i = 0; subject != NULL && i < subject->held_count; i++) {
            const struct held *h = &subject->held[i];
            if (h->kind == HELD_STRING && (s->slot_flags[h->slot] & SLOT_LINK) != 0) {
                link_to(s, subject, h->text);
            }
        }
    }
}

void subjects_remove(struct subjects *s, struct subject *subject)
{
    subject_touch(s, subject);
    for (int i = 0; i < subject->held_count; i++) {
        subject_take(s, subject, subject->held[i].slot, NULL, 0);
    }
    free_judgements(subject);
    if (subject->class != NULL && subject->class->is_zone) {
        g_ptr_array_remove(s->zones, subject);
    }
    subject->class = NULL;
    subject->known = false;
    subject->generation = ++s->generations;
    if (subject->dependents == NULL || subject->dependents->len == 0) {
        g_hash_table_remove(s->by_id, subject->id);
        free_number(s, subject->number);
        uint32_t number = subject->number;
        subject_free(subject);
        g_ptr_array_index(s->all, number) = NULL;
    }
}

/* ---- values ---- */

static struct held *add_held(struct subject *subject, int slot)
{
    if (subject->held_count == subject->held_room) {
        subject->held_room = (uint16_t)(subject->held_room == 0 ? 4 : subject->held_room * 2);
        subject->held = g_renew(struct held, subject->held, subject->held_room);
    }
    struct held *h = &subject->held[subject->held_count++];
    *h = (struct held){.slot = (uint16_t)slot};
    return h;
}

void subject_put(struct subject *subject, const struct held *held)
{
    *add_held(subject, held->slot) = *held;
}

bool subject_take(struct subjects *s, struct subject *subject, int slot, const struct json *instance,
                  instant observed)
{
    struct held *h = subject_held(subject, slot);
    struct held now = {.slot = (uint16_t)slot, .observed = observed};
    if (instance != NULL) {
        held_read(&now, instance);
    }
    if (h == NULL) {
        if (now.kind == HELD_MISSING) {
            return false;
        }
        h = add_held(subject, slot);
    }
    struct held old = *h;
    bool same = held_equal(&old, &now);
    *h = now;
    if (!same && (s->slot_flags[slot] & SLOT_LINK) != 0) {
        if (now.kind == HELD_STRING) {
            link_to(s, subject, now.text);
        }
        if (old.kind == HELD_STRING) {
            unlink_from(s, subject, old.text);
        }
    }
    if (!same && old.kind == HELD_GEOMETRY) {
        g_clear_pointer(&subject->fence, fence_free);
    }
    held_clear(&old);
    subject_touch(s, subject);
    return !same || old.observed != observed;
}

/* ---- reading ---- */

struct subject *subject_follow(const struct subjects *s, const struct subject *subject, int slot)
{
    const struct held *h = slot >= 0 ? subject_held(subject, slot) : NULL;
    return h != NULL && h->kind == HELD_STRING ? subjects_find(s, h->text) : NULL;
}

static int slot_of_segment(struct subjects *s, const char *segment)
{
    int slot = GPOINTER_TO_INT(g_hash_table_lookup(s->seen_names, segment));
    if (slot == 0) {
        slot = subjects_slot(s, segment) + 1;
        g_hash_table_insert(s->seen_names, (void *)segment, GINT_TO_POINTER(slot));
    }
    return slot - 1;
}

const struct held *subject_walk(struct subjects *s, const struct subject *subject,
                                const char *const *segments, int count)
{
    for (int i = 0; i + 1 < count && subject != NULL; i++) {
        subject = subject_follow(s, subject, slot_of_segment(s, segments[i]));
    }
    int slot = subject != NULL ? slot_of_segment(s, segments[count - 1]) : -1;
    return slot >= 0 ? subject_held(subject, slot) : NULL;
}

struct value subject_resolve(void *user, const char *const *segments, int count)
{
    struct subject_names *names = user;
    const struct held *h = subject_walk(names->subjects, names->subject, segments, count);
    if (h == NULL && count == 1 && strcmp(segments[0], "id") == 0) {
        return value_string(names->subject->id);
    }
    if (h == NULL && count == 1 && strcmp(segments[0], "type") == 0 && names->subject->class != NULL) {
        return value_string(names->subject->class->types[0]);
    }
    return held_value(h);
}

static struct geometry *zone_geometry(const struct subjects *s, struct arena *a, const struct subject *zone)
{
    int slot = subjects_slot(s, "location");
    const struct held *h = slot >= 0 ? subject_held(zone, slot) : NULL;
    struct json *j =
        h != NULL && h->kind == HELD_GEOMETRY ? json_parse(a, h->text, strlen(h->text), NULL) : NULL;
    return j != NULL ? geometry_parse(a, j, NULL) : NULL;
}

struct fence *subject_fence(const struct subjects *s, struct subject *zone)
{
    if (zone->fence == NULL) {
        arena_auto a = arena_new();
        struct geometry *g = zone_geometry(s, a, zone);
        zone->fence = g != NULL ? fence_new(g, NULL) : NULL;
    }
    return zone->fence;
}
