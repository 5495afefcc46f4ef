/* SPDX-License-Identifier: Apache-2.0 */
/* From the trees of packs to compiled inputs. The checks have been passed: what is asked for is there. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "ingest/compiled.h"

struct mapping {
    int references;
    struct arena *arena;
    GPtrArray *inputs;  /* of struct input * */
    GPtrArray *filters; /* of char *, ends with NULL */
};

/* Counts live as long as the program, so that a reload keeps them. */
static struct input_counts *counts_of(const char *name)
{
    static GMutex lock;
    static GHashTable *all;
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&lock);
    if (all == NULL) {
        all = g_hash_table_new(g_str_hash, g_str_equal);
    }
    struct input_counts *c = g_hash_table_lookup(all, name);
    if (c == NULL) {
        c = g_new0(struct input_counts, 1);
        g_hash_table_insert(all, g_strdup(name), c);
    }
    return c;
}

static struct field make_field(struct arena *a, const char *name)
{
    struct field f = {.name = arena_strdup(a, name), .length = strlen(name)};
    if (strchr(name, '.') != NULL) {
        g_auto(GStrv) steps = g_strsplit(name, ".", LIMIT_JSON_DEPTH);
        const char **path = arena_array(a, const char *, g_strv_length(steps) + 1);
        for (guint i = 0; steps[i] != NULL; i++) {
            path[i] = arena_strdup(a, steps[i]);
        }
        f.path = path;
    }
    return f;
}

/* ---- topics ---- */

int topic_compile(struct arena *a, const char *topic, struct topic_level *levels)
{
    g_auto(GStrv) parts = g_strsplit(topic, "/", MOST_LEVELS + 1);
    guint count = g_strv_length(parts);
    if (count == 0 || count > MOST_LEVELS) {
        return 0;
    }
    for (guint i = 0; i < count; i++) {
        size_t length = strlen(parts[i]);
        bool binds = length > 2 && parts[i][0] == '{' && parts[i][length - 1] == '}';
        const char *text = binds ? parts[i] + 1 : parts[i];
        length -= binds ? 2 : 0;
        levels[i] = (struct topic_level){arena_strndup(a, text, length), length, binds};
        if (length == 0 || strpbrk(levels[i].text, "{}+#") != NULL) {
            return 0;
        }
    }
    return (int)count;
}

/* "zs/air/#" of zs/air/{station}/reading; the whole topic when it binds nothing. */
static char *filter_of(const struct topic_level *levels, int count)
{
    GString *filter = g_string_new(NULL);
    for (int i = 0; i < count; i++) {
        if (levels[i].binds) {
            g_string_append(filter, i > 0 ? "/#" : "+");
            for (int rest = i + 1; i == 0 && rest < count; rest++) {
                g_string_append_printf(filter, "/%s", levels[rest].binds ? "+" : levels[rest].text);
            }
            break;
        }
        g_string_append_printf(filter, "%s%s", i > 0 ? "/" : "", levels[i].text);
    }
    return g_string_free(filter, FALSE);
}

static bool is_covered(const struct mapping *m, const char *filter)
{
    for (guint i = 0; i < m->filters->len; i++) {
        if (mqtt_topic_matches(m->filters->pdata[i], filter)) {
            return true;
        }
    }
    return false;
}

/* Wide filters first: what they cover is not asked for twice. */
static int by_length(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    return (strlen(x) > strlen(y)) - (strlen(x) < strlen(y));
}

static void make_filters(struct mapping *m)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < m->inputs->len; i++) {
        const struct compiled_input *c = ((const struct input *)m->inputs->pdata[i])->compiled;
        if (c->levels_count > 0) {
            g_ptr_array_add(all, filter_of(c->levels, c->levels_count));
        }
    }
    g_ptr_array_sort(all, by_length);
    for (guint i = 0; i < all->len; i++) {
        if (!is_covered(m, all->pdata[i])) {
            g_ptr_array_add(m->filters, g_strdup(all->pdata[i]));
        }
    }
    g_ptr_array_add(m->filters, NULL);
}

/* ---- slots ---- */

static void compile_units(struct slot *s, struct arena *a, const struct json *units)
{
    s->units_count = units != NULL ? (int)units->length : 0;
    s->units = arena_array(a, struct slot_unit, s->units_count);
    int i = 0;
    for (const struct json *c = json_first(units); c != NULL; c = c->next, i++) {
        s->units[i].name = arena_strdup(a, c->key);
        s->units[i].scale = json_is_number(c) ? json_number(c) : json_get_double(c, "scale", 1);
        s->units[i].offset = json_get_double(c, "offset", 0);
    }
}

static enum slot_kind kind_of(const struct json *attribute)
{
    static const struct {
        const char *value;
        enum slot_kind kind;
    } kinds[] = {{"text", SLOT_TEXT}, {"boolean", SLOT_BOOLEAN}, {"time", SLOT_TIME}, {"data", SLOT_DATA}};
    if (json_get(attribute, "lon") != NULL) {
        return SLOT_POINT;
    }
    if (json_get(attribute, "geometry") != NULL) {
        return SLOT_GEOMETRY;
    }
    if (json_get(attribute, "relationship") != NULL) {
        return SLOT_RELATION;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_strcmp0(json_get_string(attribute, "value"), kinds[i].value) == 0) {
            return kinds[i].kind;
        }
    }
    return SLOT_NUMBER;
}

static struct field source_of(struct arena *a, const struct json *attribute)
{
    const char *const members[] = {"from", "lon", "geometry"};
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const char *name = json_get_string(attribute, members[i]);
        if (name != NULL) {
            return make_field(a, name);
        }
    }
    return make_field(a, attribute->key);
}

static void compile_zone(const struct json *input, struct timestamp_format *format)
{
    const char *zone = json_get_string(input, "zone");
    format->has_zone = zone != NULL && timestamp_zone_parse(zone, &format->zone_minutes);
}

static void compile_number(struct slot *s, struct arena *a, const struct json *attribute)
{
    s->scale = json_get_double(attribute, "scale", 1);
    s->offset = json_get_double(attribute, "offset", 0);
    s->min = json_get_double(attribute, "min", -HUGE_VAL);
    s->max = json_get_double(attribute, "max", HUGE_VAL);
    s->whole = g_strcmp0(json_get_string(attribute, "value"), "integer") == 0;
    s->decimals = s->whole ? 0 : (int)json_get_int(attribute, "decimals", -1);
    s->converts = s->scale != 1 || s->offset != 0;
    if (json_get(attribute, "unit_from") != NULL) {
        s->unit_from = make_field(a, json_get_string(attribute, "unit_from"));
        compile_units(s, a, json_get(attribute, "units"));
    }
}

static void compile_slot(struct slot *s, struct arena *a, const struct json *attribute,
                         const struct json *input)
{
    s->name = arena_strdup(a, attribute->key);
    s->kind = kind_of(attribute);
    s->from = source_of(a, attribute);
    s->fixed = json_get_bool(attribute, "fixed", false);
    const char *unit = json_get_string(attribute, "unit");
    s->unit = unit != NULL ? arena_strdup(a, unit) : NULL;
    s->unit_length = unit != NULL ? strlen(unit) : 0;
    compile_number(s, a, attribute);
    s->values = json_get(attribute, "values") != NULL ? json_copy(a, json_get(attribute, "values")) : NULL;
    if (s->kind == SLOT_POINT) {
        s->lat = make_field(a, json_get_string(attribute, "lat"));
        const char *datum = json_get_string(attribute, "datum");
        geo_datum_parse(datum != NULL ? datum : "wgs84", &s->datum);
    } else if (s->kind == SLOT_RELATION) {
        s->target = template_compile(a, json_get_string(attribute, "relationship"));
    } else if (s->kind == SLOT_TIME) {
        const char *format = json_get_string(attribute, "format");
        timestamp_format_parse(arena_strdup(a, format != NULL ? format : "iso"), &s->format);
        compile_zone(input, &s->format);
    }
}

/* ---- inputs ---- */

static void compile_time(struct compiled_input *c, struct arena *a, const struct json *input)
{
    const struct json *time = json_get(input, "time"), *from = json_get(time, "from");
    c->future = 24 * 3600 * INSTANT_SECOND;
    if (!json_is(time, JSON_OBJECT)) {
        c->time = json_streq(time, "arrival") ? TIME_ARRIVAL : TIME_NONE;
        return;
    }
    c->time = TIME_FIELDS;
    bool list = json_is(from, JSON_ARRAY);
    c->time_fields_count = list ? (int)from->length : 1;
    c->time_fields = arena_array(a, struct field, c->time_fields_count);
    int i = 0;
    for (const struct json *f = list ? from->first : from; f != NULL; f = list ? f->next : NULL) {
        c->time_fields[i++] = make_field(a, f->string);
    }
    const char *format = json_get_string(time, "format"), *future = json_get_string(time, "future");
    timestamp_format_parse(arena_strdup(a, format != NULL ? format : "iso"), &c->format);
    compile_zone(input, &c->format);
    if (future != NULL) {
        span_parse(future, strlen(future), &c->future);
    }
}

static void know(GHashTable *known, const struct field *f)
{
    if (f->name != NULL) {
        g_hash_table_add(known, (void *)f->name);
        if (f->path != NULL) {
            g_hash_table_add(known, (void *)f->path[0]);
        }
    }
}

static void know_names(GHashTable *known, const struct template *t)
{
    for (int i = 0; t != NULL && i < t->count; i++) {
        if (t->parts[i].is_name) {
            g_hash_table_add(known, (void *)t->parts[i].text);
        }
    }
}

/* The fields that the input uses, when it refuses others. */
static GHashTable *known_fields(const struct compiled_input *c)
{
    GHashTable *known = g_hash_table_new(g_str_hash, g_str_equal);
    know_names(known, c->id);
    know_names(known, c->scope);
    for (int i = 0; i < c->time_fields_count; i++) {
        know(known, &c->time_fields[i]);
    }
    for (int i = 0; i < c->slots_count; i++) {
        know(known, &c->slots[i].from);
        know(known, &c->slots[i].lat);
        know(known, &c->slots[i].unit_from);
        know_names(known, c->slots[i].target);
    }
    return known;
}

static struct compiled_input *compile(struct arena *a, const struct json *input)
{
    struct compiled_input *c = arena_new0(a, struct compiled_input);
    const char *topic = json_get_string(input, "topic"), *scope = json_get_string(input, "scope");
    if (topic != NULL) {
        c->levels = arena_array(a, struct topic_level, MOST_LEVELS + 1);
        c->levels_count = topic_compile(a, topic, c->levels);
    }
    c->id = template_compile(a, json_get_string(input, "id"));
    c->scope = scope != NULL ? template_compile(a, scope) : NULL;
    compile_time(c, a, input);
    const struct json *missing = json_get(input, "missing");
    c->missing = missing != NULL ? json_copy(a, missing) : NULL;
    const struct json *attributes = json_get(input, "attributes");
    c->slots = arena_array(a, struct slot, attributes->length);
    for (const struct json *x = json_first(attributes); x != NULL; x = x->next) {
        compile_slot(&c->slots[c->slots_count++], a, x, input);
        c->has_readings |= !c->slots[c->slots_count - 1].fixed;
    }
    c->known = json_streq(json_get(input, "on_unknown_field"), "reject") ? known_fields(c) : NULL;
    return c;
}

static const char *title_in(struct arena *a, const struct json *title, const char *language)
{
    const char *text = json_is(title, JSON_STRING) ? title->string : json_get_string(title, language);
    return text != NULL ? arena_strdup(a, text) : NULL;
}

static void add_input(struct mapping *m, const struct pack *p, const struct json *tree)
{
    struct arena *a = m->arena;
    struct input *input = arena_new0(a, struct input);
    const char *topic = json_get_string(tree, "topic");
    input->name = arena_strdup(a, json_get_string(tree, "name"));
    input->pack = arena_strdup(a, p->name);
    input->by = arena_printf(a, "input:%s", input->name);
    input->type = arena_strdup(a, json_get_string(tree, "type"));
    input->topic = topic != NULL ? arena_strdup(a, topic) : NULL;
    input->title_zh = title_in(a, json_get(tree, "title"), "zh");
    input->title_en = title_in(a, json_get(tree, "title"), "en");
    input->counts = counts_of(input->name);
    input->compiled = compile(a, tree);
    g_ptr_array_add(m->inputs, input);
}

struct mapping *mapping_compile(const struct pack *const *packs, struct error *e)
{
    struct mapping *m = g_new0(struct mapping, 1);
    m->references = 1;
    m->arena = arena_new();
    m->inputs = g_ptr_array_new();
    m->filters = g_ptr_array_new_with_free_func(g_free);
    for (; *packs != NULL; packs++) {
        for (const struct json *c = json_first(json_get((*packs)->root, "inputs")); c != NULL; c = c->next) {
            add_input(m, *packs, c);
        }
    }
    make_filters(m);
    return m;
}

struct mapping *mapping_ref(struct mapping *m)
{
    g_atomic_int_inc(&m->references);
    return m;
}

void mapping_unref(struct mapping *m)
{
    if (m == NULL || !g_atomic_int_dec_and_test(&m->references)) {
        return;
    }
    for (guint i = 0; i < m->inputs->len; i++) {
        const struct input *input = m->inputs->pdata[i];
        if (input->compiled->known != NULL) {
            g_hash_table_unref(input->compiled->known);
        }
    }
    g_ptr_array_unref(m->inputs);
    g_ptr_array_unref(m->filters);
    arena_free(m->arena);
    g_free(m);
}

int mapping_inputs(const struct mapping *m, const struct input *const **inputs)
{
    *inputs = (const struct input *const *)m->inputs->pdata;
    return (int)m->inputs->len;
}

const struct input *mapping_find(const struct mapping *m, const char *name)
{
    for (guint i = 0; i < m->inputs->len; i++) {
        const struct input *input = m->inputs->pdata[i];
        if (strcmp(input->name, name) == 0) {
            return input;
        }
    }
    return NULL;
}

const char *const *mapping_filters(const struct mapping *m)
{
    return (const char *const *)m->filters->pdata;
}
