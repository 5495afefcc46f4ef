/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes a live connection wants: by type, id and place. */
#include "context/subscriptions/stream_filter.h"

#include <math.h>
#include <string.h>

#include "context/context.h"
#include "context/entity/entity.h"
#include "geo/geo.h"

enum {
    MAX_NAMES = 1000,    /* types or ids of one connection */
    MAX_INSIDE = 20000,  /* entities remembered as inside the box */
    MAX_PLACES = 200000, /* boxes of entities kept for all connections */
};

struct stream_filter {
    GHashTable *types; /* or NULL */
    GHashTable *ids;
    bool has_box;
    double box[4];
    GHashTable *inside; /* hashes of ids */
};

/* ---- where entities are, for all connections ---- */

struct place {
    bool known;
    double box[4];
};
static struct {
    GMutex lock;
    GHashTable *boxes; /* id → struct place */
} places;

static void keep_place(const char *id, const struct place *p)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&places.lock);
    if (places.boxes == NULL) {
        places.boxes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    }
    if (g_hash_table_size(places.boxes) >= MAX_PLACES) {
        g_hash_table_remove_all(places.boxes);
    }
    g_hash_table_insert(places.boxes, g_strdup(id), g_memdup2(p, sizeof *p));
}

static bool kept_place(const char *id, struct place *p)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&places.lock);
    const struct place *kept = places.boxes != NULL ? g_hash_table_lookup(places.boxes, id) : NULL;
    if (kept != NULL) {
        *p = *kept;
    }
    return kept != NULL;
}

void stream_places_clear(void)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&places.lock);
    g_clear_pointer(&places.boxes, g_hash_table_unref);
}

static struct place place_of(const struct json *location)
{
    struct place p = {0};
    arena_auto a = arena_new();
    const struct json *instance = location != NULL ? instance_find(location, NULL) : NULL;
    const struct geometry *g = instance != NULL ? geometry_parse(a, instance_value(instance), NULL) : NULL;
    if (g != NULL) {
        p.known = true;
        memcpy(p.box, g->box, sizeof p.box);
    }
    return p;
}

static struct place find_place(struct store *s, const char *id)
{
    struct place p;
    if (kept_place(id, &p)) {
        return p;
    }
    arena_auto a = arena_new();
    view_auto v = view_begin(s);
    p = place_of(json_get(context_get(v, a, id), "location"));
    keep_place(id, &p);
    return p;
}

/* ---- parameters ---- */

static bool read_names(const char *text, const char *name, GHashTable **set, struct error *e)
{
    if (text == NULL) {
        return true;
    }
    g_auto(GStrv) parts = g_strsplit(text, ",", MAX_NAMES + 1);
    if (g_strv_length(parts) > MAX_NAMES) {
        return error_set(e, ERROR_INVALID_REQUEST, "%s names more than %d things", "%s 超过 %d 项", name,
                         MAX_NAMES);
    }
    *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (char **p = parts; *p != NULL; p++) {
        g_hash_table_add(*set, g_strdup(*p));
    }
    return true;
}

static bool read_box(const char *text, struct stream_filter *f, struct error *e)
{
    const char *p = text;
    if (text == NULL) {
        return true;
    }
    for (int i = 0; i < 4; i++) {
        char *end;
        f->box[i] = g_ascii_strtod(p, &end);
        if (end == p || !isfinite(f->box[i]) || *end != (i < 3 ? ',' : '\0')) {
            return error_set(e, ERROR_INVALID_REQUEST,
                             "bbox is west,south,east,north in degrees, not \"%.100s\"",
                             "bbox 应为 西,南,东,北（度），而不是“%.100s”", text);
        }
        p = end + 1;
    }
    f->has_box = true;
    f->inside = g_hash_table_new(NULL, NULL);
    return true;
}

struct stream_filter *stream_filter_new(struct request *r, struct error *e)
{
    struct stream_filter *f = g_new0(struct stream_filter, 1);
    if (read_names(request_query(r, "type"), "type", &f->types, e) &&
        read_names(request_query(r, "id"), "id", &f->ids, e) && read_box(request_query(r, "bbox"), f, e)) {
        return f;
    }
    stream_filter_free(f);
    return NULL;
}

void stream_filter_free(struct stream_filter *f)
{
    if (f != NULL) {
        g_clear_pointer(&f->types, g_hash_table_unref);
        g_clear_pointer(&f->ids, g_hash_table_unref);
        g_clear_pointer(&f->inside, g_hash_table_unref);
        g_free(f);
    }
}

/* ---- records ---- */

static bool type_wanted(const struct stream_filter *f, const struct json *record)
{
    if (f->types == NULL) {
        return true;
    }
    for (const struct json *t = json_first(json_get(record, "type")); t != NULL; t = t->next) {
        if (t->type == JSON_STRING && g_hash_table_contains(f->types, t->string)) {
            return true;
        }
    }
    return false;
}

static bool in_box(const double a[4], const double b[4])
{
    return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

static bool place_wanted(struct stream_filter *f, struct store *s, const struct json *record, const char *id)
{
    const struct json *location = json_get(json_get(record, "attrs"), "location");
    gpointer key = GSIZE_TO_POINTER((gsize)g_str_hash(id) + 1);
    bool was_inside = g_hash_table_contains(f->inside, key);
    struct place p;
    if (location != NULL) {
        p = place_of(location);
        keep_place(id, &p);
    } else {
        p = find_place(s, id);
    }
    bool inside = p.known && in_box(p.box, f->box);
    if (inside && g_hash_table_size(f->inside) < MAX_INSIDE) {
        g_hash_table_add(f->inside, key);
    } else if (!inside) {
        g_hash_table_remove(f->inside, key);
    }
    return inside || was_inside;
}

bool stream_filter_takes(struct stream_filter *f, struct store *s, const struct json *record)
{
    const char *id = json_get_string(record, "id");
    if (id == NULL || json_get_bool(record, "late", false) || !type_wanted(f, record) ||
        (f->ids != NULL && !g_hash_table_contains(f->ids, id))) {
        return false;
    }
    return !f->has_box || json_streq(json_get(record, "op"), "delete") || place_wanted(f, s, record, id);
}
