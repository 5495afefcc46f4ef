/* SPDX-License-Identifier: Apache-2.0 */
/* A world read from the `demo` sections of packs. */
#include <string.h>

#include "demo/read.h"

/* ---- what stands still ---- */

static void read_area(struct reader *r, const struct json *from)
{
    const struct json *location = json_get(from, "location");
    struct error e = {0};
    if (location == NULL) {
        return;
    }
    const struct geometry *shape = geometry_parse(r->a, location, &e);
    if (shape == NULL) {
        mistake(r, location, "%1$s%2$.0s", "%1$.0s%2$s", e.en, e.zh);
        return;
    }
    const char *name = json_get_string(from, "name");
    const char *scope = json_get_string(from, "scope");
    if (shape->kind == GEOMETRY_POLYGON) {
        r->w->areas[r->w->areas_count++] =
            (struct area){json_get_string(from, "id"), json_get_string(from, "type"),
                          name != NULL ? name : "", scope != NULL ? scope : "", shape};
    }
}

static void read_entity(struct reader *r, const struct json *from)
{
    if (json_get_string(from, "id") == NULL || json_get_string(from, "type") == NULL) {
        mistake(r, from, "An entity needs id and type", "实体必须有 id 和 type");
        return;
    }
    struct json *entity = json_append(r->w->entities, json_object(r->a));
    for (const struct json *m = from->first; m != NULL; m = m->next) {
        if (strcmp(m->key, "id") == 0 || strcmp(m->key, "type") == 0 || strcmp(m->key, "scope") == 0) {
            json_set(r->a, entity, m->key, json_copy(r->a, m));
        } else {
            world_attribute(r->a, entity, m->key, m);
        }
    }
    read_area(r, from);
}

static void read_still(struct reader *r, const struct json *every_entity, const struct json *entities)
{
    for (const struct json *m = json_first(every_entity); m != NULL; m = m->next) {
        json_set(r->a, r->every_entity, m->key, json_copy(r->a, m));
    }
    for (const struct json *m = json_first(entities); m != NULL; m = m->next) {
        read_entity(r, m);
    }
}

/* ---- all of it ---- */

struct section {
    const struct json *with, *every_entity, *entities, *drivers, *groups, *incidents, *crew;
};
static const struct json_field section_fields[] = {
    {"with", FIELD_ARRAY, offsetof(struct section, with)},
    {"every_entity", FIELD_OBJECT, offsetof(struct section, every_entity)},
    {"entities", FIELD_ARRAY, offsetof(struct section, entities)},
    {"drivers", FIELD_OBJECT, offsetof(struct section, drivers)},
    {"groups", FIELD_OBJECT, offsetof(struct section, groups)},
    {"incidents", FIELD_ARRAY, offsetof(struct section, incidents)},
    {"crew", FIELD_OBJECT, offsetof(struct section, crew)},
    {NULL},
};

static uint32_t children(const struct json *v)
{
    return v != NULL ? v->length : 0;
}

/* Makes room in the world for what all sections together may hold. */
static void make_room(struct reader *r, const struct section *s, int count)
{
    uint32_t entities = 0, drivers = 0, groups = 0, incidents = 0;
    for (int i = 0; i < count; i++) {
        entities += children(s[i].entities);
        drivers += children(s[i].drivers);
        groups += children(s[i].groups);
        incidents += children(s[i].incidents);
    }
    r->w->entities = json_array(r->a);
    r->w->areas = arena_array(r->a, struct area, entities);
    r->w->drivers = arena_array(r->a, struct signal, drivers);
    r->w->groups = arena_array(r->a, struct group, groups);
    r->w->incidents = arena_array(r->a, struct incident, incidents);
}

/* Names may cross packs, so each kind of thing is read from all packs before the next kind. */
static void read_kinds(struct reader *r, const struct pack *const *packs, const struct section *s, int count)
{
    for (int i = 0; i < count; i++) {
        r->pack = packs[i];
        read_still(r, s[i].every_entity, s[i].entities);
        read_drivers(r, s[i].drivers);
    }
    for (int i = 0; i < count; i++) {
        r->pack = packs[i];
        for (const struct json *m = json_first(s[i].groups); m != NULL; m = m->next) {
            read_group(r, m);
        }
    }
    for (int i = 0; i < r->w->groups_count; i++) {
        r->pack = r->w->groups[i].pack;
        read_links(r, &r->w->groups[i]);
    }
    for (int i = 0; i < r->w->groups_count; i++) {
        r->pack = r->w->groups[i].pack;
        read_along(r, &r->w->groups[i]);
    }
    for (int i = 0; i < count; i++) {
        r->pack = packs[i];
        for (const struct json *m = json_first(s[i].incidents); m != NULL; m = m->next) {
            read_incident(r, m);
        }
        read_crew(r, s[i].crew);
    }
}

/* The entities that stand still carry every_entity's attributes too. */
static void mark_entities(struct reader *r)
{
    for (struct json *e = json_first(r->w->entities); e != NULL; e = e->next) {
        for (const struct json *m = json_first(r->every_entity); m != NULL; m = m->next) {
            world_attribute(r->a, e, m->key, m);
        }
    }
}

static bool is_loaded(const struct pack *const *packs, const struct json *name)
{
    for (; *packs != NULL; packs++) {
        if (json_streq(name, (*packs)->name)) {
            return true;
        }
    }
    return false;
}

/* A section plays only beside the packs that it names in `with`; else it is left out as a whole. */
static bool plays(const struct pack *const *packs, const struct json *section)
{
    for (const struct json *name = json_first(json_get(section, "with")); name != NULL; name = name->next) {
        if (!is_loaded(packs, name)) {
            return false;
        }
    }
    return true;
}

struct world *world_read(struct arena *a, const struct pack *const *packs, uint64_t seed,
                         const struct pack *only, struct pack_report *report)
{
    struct reader r = {.a = a,
                       .w = arena_new0(a, struct world),
                       .only = only,
                       .packs = packs,
                       .report = report,
                       .every_entity = json_object(a)};
    int count = 0;
    while (packs[count] != NULL) {
        count++;
    }
    struct section *sections = arena_array(a, struct section, count);
    r.w->seed = seed;
    for (int i = 0; i < count; i++) {
        const struct json *from = json_get(packs[i]->root, "demo");
        r.pack = packs[i];
        if (from != NULL && plays(packs, from)) {
            read_fields(&r, from, section_fields, &sections[i]);
        }
    }
    make_room(&r, sections, count);
    read_kinds(&r, packs, sections, count);
    if (r.mistakes > 0) {
        return NULL;
    }
    mark_entities(&r);
    world_place(r.w, a, r.every_entity);
    return r.w;
}
