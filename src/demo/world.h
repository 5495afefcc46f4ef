/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world as read from packs: what drives it, its devices, what goes wrong in it. */
#pragma once

#include "base/arena.h"
#include "base/instant.h"
#include "demo/crew.h"
#include "geo/geo.h"
#include "hub/hub.h"
#include "json/json.h"

enum {
    DEMO_MAX_DEVICES = 50000, /* of one group */
    DEMO_HOURS = 24,
    DEMO_DAYS = 7,
};

struct range {
    double low, high;
};

/* Spells of activity: one in each slot of length every, with the given chance. */
struct showers {
    int64_t every; /* 0 = none */
    double chance;
    int64_t shortest, longest;
    struct range strength; /* at the height of a spell; small ones are likelier */
};

/* How a signal follows a driver: by × the driver's value, delay later, smeared over decay. */
struct response {
    int driver; /* index in world.drivers */
    struct range by;
    int64_t delay, decay;
};

/* One quantity over time, of a driver or of each device of a group. Ranges are spread over the devices. */
struct signal {
    const char *name;
    struct range base;
    double daily[DEMO_HOURS]; /* added, by the local hour */
    double weekly[DEMO_DAYS]; /* factor of daily, Monday first */
    double noise;             /* about the largest deviation */
    int64_t noise_span;       /* how slowly it wanders */
    struct showers showers;
    double saw_from, saw_to; /* falls from → to within saw_over, then starts again */
    int64_t saw_over;        /* 0 = no saw */
    struct response *responses;
    int responses_count;
    double min, max;
    int64_t decimals;   /* -1 = as it comes */
    const char **words; /* the value is sent as words[floor(value) mod count] */
    int words_count;
    bool boolean; /* sent as true when the value is at least 0.5 */
    uint64_t key;
};

struct group;

struct device {
    const struct group *group;
    const char *code, *id, *topic, *name;
    double lon, lat;
    int area;              /* index in world.areas */
    int area_n;            /* 1, 2, … within its area */
    struct json *entity;   /* as it is written to the hub: NGSI-LD, normalized */
    struct device **links; /* one for each of group->links, NULL where there is none */
    uint64_t key;
};

enum pick { PICK_NEAREST, PICK_LOWER };

/* A Relationship from each device of a group to a device of another (or the same). */
struct link {
    const char *name;
    const struct group *to;
    enum pick pick;
    const char *by;   /* PICK_LOWER: the attribute that must be less there */
    const char *same; /* an attribute that must be equal, or NULL */
    double within;    /* metres */
};

/* Instead of a number of devices: one entity along each link of another group, with a LineString. */
struct along {
    const struct group *group; /* NULL = not such a group */
    int link;
    const char *from_as, *to_as, *length_as; /* attributes to be written; may be NULL */
};

struct group {
    const char *name, *type;
    const struct pack *pack;
    const struct json *source;
    int count;
    const char *code, *id, *topic, *title;
    int64_t every, history; /* between messages: live, and while the past is filled in */
    const char *place_in;
    const struct json *weights;
    const struct json *attributes;
    struct along along;
    struct link *links;
    int links_count;
    struct signal *signals;
    int signals_count;
    struct device *devices; /* count of them */
    uint64_t key;
};

enum effect_kind { EFFECT_ADD, EFFECT_SCALE, EFFECT_SET, EFFECT_DRIFT, EFFECT_FREEZE, EFFECT_SILENT };

struct effect {
    enum effect_kind kind;
    int link;            /* on which link of the target, -1 = on the target itself */
    int signal;          /* of the group that feels it; unused for EFFECT_SILENT */
    struct range amount; /* DRIFT: a unit an hour */
    int64_t rise, fall;
};

/* Something that goes wrong with one device (or those near it) once in each slot of length every. */
struct incident {
    const char *name;
    const struct group *group;
    int64_t every, shortest, longest;
    double jitter; /* within which share of its slot it may start, 0 to 1 */
    double near;   /* metres; 0 = the target alone */
    struct effect *effects;
    int effects_count;
    uint64_t key;
};

/* A polygon that stands on the ground; devices are placed in such. */
struct area {
    const char *id, *type, *name, *scope;
    const struct geometry *shape;
};

struct world {
    uint64_t seed;
    struct signal *drivers;
    int drivers_count;
    struct area *areas;
    int areas_count;
    struct group *groups;
    int groups_count;
    struct incident *incidents;
    int incidents_count;
    struct crew crew;
    struct json *entities; /* array: those that are no devices, as they are written to the hub */
};

/* Builds the world of all packs in the arena a (which outlives it, as must the packs). Mistakes go to report;
 * those of other packs than only are left out (only NULL = all are told). NULL when there was any mistake. */
struct world *world_read(struct arena *a, const struct pack *const *packs, uint64_t seed,
                         const struct pack *only, struct pack_report *report);

/* Places the devices of all groups, finds their links and writes their entities. Called by world_read. */
void world_place(struct world *w, struct arena *a, const struct json *every_entity);

/* Adds an attribute in NGSI-LD normalized form: a scalar becomes a Property, {object: …} a Relationship, a
 * geometry a GeoProperty. */
void world_attribute(struct arena *a, struct json *entity, const char *name, const struct json *value);

/* ---- reproducible chance: the same key and salt always give the same ---- */
uint64_t chance_mix(uint64_t key, uint64_t salt);
uint64_t chance_text(uint64_t key, const char *text);
double chance_unit(uint64_t key, uint64_t salt); /* 0 <= x < 1 */
double chance_range(struct range r, uint64_t key, uint64_t salt);
