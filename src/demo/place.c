/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the devices on the ground, finds their neighbours, and writes them as entities. */
#include <math.h>
#include <string.h>

#include "demo/world.h"

enum {
    CANDIDATES = 8, /* positions tried for each device; the one farthest from its like is taken */
    THROWS = 200,   /* at a polygon, until one hits */
};
enum { SALT_PLACE = 101, SALT_ATTRIBUTE };

/* ---- attributes ---- */

static bool is_geometry(const struct json *v)
{
    return json_get_string(v, "type") != NULL && json_get(v, "coordinates") != NULL;
}

void world_attribute(struct arena *a, struct json *entity, const char *name, const struct json *value)
{
    const char *object = json_get_string(value, "object");
    struct json *instance = json_object(a);
    const char *type = object != NULL ? "Relationship" : is_geometry(value) ? "GeoProperty" : "Property";
    json_set(a, instance, "type", json_string(a, type));
    json_set(a, instance, object != NULL ? "object" : "value",
             object != NULL ? json_string(a, object) : json_copy(a, value));
    json_set(a, entity, name, instance);
}

static void set_text(struct arena *a, struct json *entity, const char *name, const char *text)
{
    world_attribute(a, entity, name, json_string(a, text));
}

static const struct json *attribute(const struct device *d, const char *name)
{
    return json_get(json_get(d->entity, name), "value");
}

static struct json *coordinates(struct arena *a, double lon, double lat)
{
    struct json *pair = json_array(a);
    json_append(pair, json_double(a, round(lon * 1e6) / 1e6));
    json_append(pair, json_double(a, round(lat * 1e6) / 1e6));
    return pair;
}

static struct json *geometry_of(struct arena *a, const char *type, struct json *positions)
{
    struct json *g = json_object(a);
    json_set(a, g, "type", json_string(a, type));
    json_set(a, g, "coordinates", positions);
    return g;
}

/* Metres from a device to a line given as [[lon, lat], …]. */
static double metres_to_line(struct arena *a, const struct device *d, const struct json *line)
{
    struct error e;
    const struct geometry *l = geometry_from(a, "LineString", line, &e);
    const struct geometry *p = geometry_from(a, "Point", coordinates(a, d->lon, d->lat), &e);
    return l != NULL && p != NULL ? geometry_distance(l, p) : 0;
}

static struct json *rounded(struct arena *a, double value, const struct json *rule)
{
    double unit = pow(10, (double)json_get_int(rule, "decimals", 0));
    return json_double(a, round(value * unit) / unit);
}

/* The value of an attribute rule for one device: {one_of}, {between}, {ridge, top, fall, scatter}, else
 * itself. */
static struct json *chosen(struct arena *a, const struct device *d, const struct json *rule)
{
    uint64_t key = chance_mix(chance_text(d->key, rule->key), SALT_ATTRIBUTE);
    const struct json *list = json_get(rule, "one_of");
    const struct json *between = json_get(rule, "between");
    const struct json *ridge = json_get(rule, "ridge");
    if (json_is(list, JSON_ARRAY) && list->length > 0) {
        const struct json *c = list->first;
        for (uint64_t n = chance_mix(key, 0) % list->length; n > 0; n--) {
            c = c->next;
        }
        return json_copy(a, c);
    }
    if (between != NULL) {
        struct range r = {json_number(between->first), json_number(between->last)};
        return rounded(a, chance_range(r, key, 0), rule);
    }
    if (ridge != NULL) {
        double scatter = json_get_double(rule, "scatter", 0);
        double fall = json_get_double(rule, "fall", 0) * metres_to_line(a, d, ridge) / 1000;
        double value = json_get_double(rule, "top", 0) - fall + scatter * (2 * chance_unit(key, 0) - 1);
        return rounded(a, value, rule);
    }
    return json_copy(a, rule);
}

/* ---- names ---- */

/* Replaces {name} for each of the pairs (name, value, …, NULL). */
static const char *filled(struct arena *a, const char *pattern, const char *const *pairs)
{
    g_autoptr(GString) out = g_string_new(pattern);
    for (; *pairs != NULL; pairs += 2) {
        g_autofree char *mark = g_strdup_printf("{%s}", pairs[0]);
        g_string_replace(out, mark, pairs[1], 0);
    }
    return arena_strdup(a, out->str);
}

/* "AQ###" and 7 → "AQ007". */
static const char *numbered(struct arena *a, const char *pattern, int n)
{
    const char *marks = strchr(pattern, '#');
    if (marks == NULL) {
        return arena_printf(a, "%s%d", pattern, n);
    }
    int width = (int)strspn(marks, "#");
    return arena_printf(a, "%.*s%0*d%s", (int)(marks - pattern), pattern, width, n, marks + width);
}

static void name_device(struct world *w, struct arena *a, struct device *d, int n)
{
    const struct group *g = d->group;
    const char *area = w->areas_count > 0 ? w->areas[d->area].name : "";
    d->code = numbered(a, g->code, n);
    const char *const pairs[] = {"code", d->code, "area", area, "n", arena_printf(a, "%d", d->area_n), NULL};
    d->id = filled(a, g->id, pairs);
    d->topic = g->topic != NULL ? filled(a, g->topic, pairs) : NULL;
    d->name = filled(a, g->title, pairs);
}

/* ---- positions ---- */

static double weight_of(const struct group *g, const struct area *area)
{
    for (const struct json *w = json_first(g->weights); w != NULL; w = w->next) {
        if (strstr(area->scope, w->key) != NULL || strcmp(area->name, w->key) == 0) {
            return json_number(w);
        }
    }
    return 1;
}

/* Gives each device its area: the group spread evenly over the summed weights. */
static void share_out(struct world *w, struct group *g)
{
    double total = 0;
    double reached = 0;
    int next = 0;
    for (int i = 0; i < w->areas_count; i++) {
        total += strcmp(w->areas[i].type, g->place_in) == 0 ? weight_of(g, &w->areas[i]) : 0;
    }
    for (int i = 0; i < w->areas_count; i++) {
        if (strcmp(w->areas[i].type, g->place_in) != 0) {
            continue;
        }
        reached += weight_of(g, &w->areas[i]);
        for (int n = 1; next < g->count && (next + 0.5) * total < reached * g->count; n++, next++) {
            g->devices[next].area = i;
            g->devices[next].area_n = n;
        }
    }
}

static void throw_into(const struct area *area, const struct fence *fence, uint64_t key, double *lon,
                       double *lat)
{
    const double *box = area->shape->box;
    geometry_centre(area->shape, lon, lat);
    for (uint64_t i = 0; i < THROWS; i++) {
        double x = box[0] + (box[2] - box[0]) * chance_unit(key, 2 * i);
        double y = box[1] + (box[3] - box[1]) * chance_unit(key, 2 * i + 1);
        if (fence_contains(fence, x, y)) {
            *lon = x;
            *lat = y;
            return;
        }
    }
}

static double metres_to_nearest(const struct group *g, int placed, double lon, double lat)
{
    double best = INFINITY;
    for (int i = 0; i < placed; i++) {
        best = MIN(best, geo_haversine(g->devices[i].lon, g->devices[i].lat, lon, lat));
    }
    return best;
}

static void put(const struct world *w, struct group *g, int n, const struct fence *fence)
{
    struct device *d = &g->devices[n];
    double best = -1;
    for (uint64_t i = 0; i < CANDIDATES; i++) {
        double lon, lat;
        throw_into(&w->areas[d->area], fence, chance_mix(chance_mix(d->key, SALT_PLACE), i), &lon, &lat);
        double metres = metres_to_nearest(g, n, lon, lat);
        if (metres > best) {
            best = metres;
            d->lon = lon;
            d->lat = lat;
        }
    }
}

static void put_all(struct world *w, struct group *g)
{
    struct error e;
    for (int n = 0; n < g->count;) {
        int area = g->devices[n].area;
        struct fence *fence = fence_new(w->areas[area].shape, &e);
        for (; n < g->count && g->devices[n].area == area; n++) {
            if (fence != NULL) {
                put(w, g, n, fence);
            } else {
                geometry_centre(w->areas[area].shape, &g->devices[n].lon, &g->devices[n].lat);
            }
        }
        fence_free(fence);
    }
}

/* ---- entities ---- */

static void begin_entity(const struct world *w, struct arena *a, struct device *d, const char *scope,
                         const struct json *every_entity)
{
    d->entity = json_object(a);
    json_set(a, d->entity, "id", json_string(a, d->id));
    json_set(a, d->entity, "type", json_string(a, d->group->type));
    if (scope != NULL) {
        json_set(a, d->entity, "scope", json_string(a, scope));
    }
    set_text(a, d->entity, "name", d->name);
    for (const struct json *m = json_first(every_entity); m != NULL; m = m->next) {
        world_attribute(a, d->entity, m->key, m);
    }
    for (const struct json *m = json_first(d->group->attributes); m != NULL; m = m->next) {
        world_attribute(a, d->entity, m->key, chosen(a, d, m));
    }
}

static void place_group(struct world *w, struct arena *a, struct group *g, const struct json *every_entity)
{
    g->devices = arena_array(a, struct device, g->count);
    for (int i = 0; i < g->count; i++) {
        g->devices[i].group = g;
        g->devices[i].key = chance_mix(g->key, (uint64_t)i);
    }
    share_out(w, g);
    put_all(w, g);
    for (int i = 0; i < g->count; i++) {
        struct device *d = &g->devices[i];
        name_device(w, a, d, i + 1);
        begin_entity(w, a, d, w->areas[d->area].scope, every_entity);
        world_attribute(a, d->entity, "location", geometry_of(a, "Point", coordinates(a, d->lon, d->lat)));
    }
}

/* ---- links ---- */

static bool may_link(const struct link *l, const struct device *from, const struct device *to)
{
    if (from == to || (l->same != NULL && !json_equal(attribute(from, l->same), attribute(to, l->same)))) {
        return false;
    }
    if (l->pick == PICK_LOWER) {
        const struct json *mine = attribute(from, l->by);
        const struct json *theirs = attribute(to, l->by);
        return json_is_number(mine) && json_is_number(theirs) && json_number(theirs) < json_number(mine);
    }
    return true;
}

static struct device *find_link(const struct link *l, const struct device *from)
{
    struct device *best = NULL;
    double best_metres = l->within;
    for (int i = 0; i < l->to->count; i++) {
        struct device *to = &l->to->devices[i];
        double metres = geo_haversine(from->lon, from->lat, to->lon, to->lat);
        if (metres < best_metres && may_link(l, from, to)) {
            best = to;
            best_metres = metres;
        }
    }
    return best;
}

static void link_to(struct arena *a, struct json *entity, const char *name, const char *object)
{
    struct json *value = json_object(a);
    json_set(a, value, "object", json_string(a, object));
    world_attribute(a, entity, name, value);
}

static void link_group(struct arena *a, struct group *g)
{
    for (int i = 0; i < g->count; i++) {
        struct device *d = &g->devices[i];
        d->links = arena_array(a, struct device *, g->links_count);
        for (int n = 0; n < g->links_count; n++) {
            d->links[n] = find_link(&g->links[n], d);
            if (d->links[n] != NULL) {
                link_to(a, d->entity, g->links[n].name, d->links[n]->id);
            }
        }
    }
}

/* ---- what lies along links ---- */

static void lay_one(struct world *w, struct arena *a, struct group *g, const struct device *from,
                    const struct json *every_entity)
{
    const struct along *along = &g->along;
    const struct device *to = from->links[along->link];
    struct device *d = &g->devices[g->count];
    *d = (struct device){.group = g,
                         .lon = from->lon,
                         .lat = from->lat,
                         .area = from->area,
                         .key = chance_mix(g->key, (uint64_t)g->count)};
    g->count++;
    name_device(w, a, d, g->count);
    const char *const pairs[] = {"from", from->name, "to", to->name, NULL};
    d->name = filled(a, d->name, pairs);
    begin_entity(w, a, d, w->areas[d->area].scope, every_entity);
    struct json *line = json_array(a);
    json_append(line, coordinates(a, from->lon, from->lat));
    json_append(line, coordinates(a, to->lon, to->lat));
    world_attribute(a, d->entity, "location", geometry_of(a, "LineString", line));
    if (along->from_as != NULL) {
        link_to(a, d->entity, along->from_as, from->id);
    }
    if (along->to_as != NULL) {
        link_to(a, d->entity, along->to_as, to->id);
    }
    if (along->length_as != NULL) {
        double metres = geo_haversine(from->lon, from->lat, to->lon, to->lat);
        world_attribute(a, d->entity, along->length_as, json_double(a, round(metres)));
    }
}

static void lay_along(struct world *w, struct arena *a, struct group *g, const struct json *every_entity)
{
    const struct group *of = g->along.group;
    g->devices = arena_array(a, struct device, of->count);
    g->count = 0;
    for (int i = 0; i < of->count; i++) {
        if (of->devices[i].links[g->along.link] != NULL) {
            lay_one(w, a, g, &of->devices[i], every_entity);
        }
    }
}

void world_place(struct world *w, struct arena *a, const struct json *every_entity)
{
    for (int i = 0; i < w->groups_count; i++) {
        if (w->groups[i].along.group == NULL) {
            place_group(w, a, &w->groups[i], every_entity);
        }
    }
    for (int i = 0; i < w->groups_count; i++) {
        if (w->groups[i].along.group == NULL) {
            link_group(a, &w->groups[i]);
        }
    }
    for (int i = 0; i < w->groups_count; i++) {
        if (w->groups[i].along.group != NULL) {
            lay_along(w, a, &w->groups[i], every_entity);
        }
    }
}
