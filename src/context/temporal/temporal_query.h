/* SPDX-License-Identifier: Apache-2.0 */
/* What a temporal request asks for, and what its answer holds. */
#pragma once

#include "context/call/api.h"
#include "context/entity/entity.h"
#include "context/query/query.h"
#include "context/temporal/temporal_aggregate.h"

enum temporal_relation { TEMPORAL_ANY, TEMPORAL_BEFORE, TEMPORAL_AFTER, TEMPORAL_BETWEEN };
enum temporal_property {
    TEMPORAL_EITHER,
    TEMPORAL_OBSERVED,
    TEMPORAL_CREATED,
    TEMPORAL_MODIFIED,
    TEMPORAL_DELETED,
};
enum temporal_format { TEMPORAL_NORMALIZED, TEMPORAL_VALUES, TEMPORAL_AGGREGATED };

/* The parameters (4.11, 4.5.19). */
struct temporal_query {
    struct store *store; /* of the call's space */
    enum temporal_relation relation;
    enum temporal_property property; /* EITHER: observedAt where there is one, else modifiedAt */
    instant from, to;                /* from <= at < to */
    int64_t last_n;                  /* 0 = all */
    enum temporal_format format;
    unsigned methods;
    struct temporal_periods periods;
    struct render render;     /* pick, omit, lang, datasets, names */
    bool explicit_attributes; /* pick or attrs was given */
    bool values_only;         /* the scopes are not asked for */
};
/* The parameters as a client writes them; NULL or 0 = not given. */
struct temporal_text {
    const char *relation, *at, *end_at, *property, *methods, *period;
    int64_t last_n;
};
/* Compiles all but render. must_have_range: timerel is required (5.7.4). */
bool temporal_query_compile(struct temporal_query *q, struct call *c, const struct temporal_text *text,
                            bool must_have_range, struct error *e);
/* Reads the parameters of c's request. */
bool temporal_query_read(struct temporal_query *q, struct call *c, bool must_have_range, struct error *e);
/* Refuses projections into linked entities (5.7.3.4, 5.7.4.4). */
bool temporal_check_projection(const struct render *r, struct error *e);
/* Reads a range from the parameters timerel, timeAt and endTimeAt: from <= at < to; all when none is given.
 */
bool temporal_range_read(struct call *c, bool required, instant *from, instant *to, struct error *e);
/* Does the answer show this attribute (or head member)? */
bool temporal_query_shows(const struct temporal_query *q, const char *name);

/* ---- answers ---- */

struct temporal_point {
    instant at;
    bool is_number;
    double number;
    const char *text;
    const char *more; /* further members, or NULL */
};
struct temporal_series {
    struct history_series series;
    const char *key;         /* of its instanceIds */
    GArray *points;          /* struct temporal_point, ascending */
    struct json *aggregates; /* TEMPORAL_AGGREGATED: method → triples */
};
struct temporal_entity {
    struct arena *arena; /* of all of it */
    const char *id;
    const struct json *head; /* type, scope, createdAt, modifiedAt and deletedAt, where they are known */
    struct temporal_series *series;
    int count;
};
/* The entities of one answer. Together they hold at most LIMIT_TEMPORAL_POINTS points: what does not fit is
 * cut off at one moment for all, at the late end, or with lastN at the early one. */
struct temporal_set {
    struct arena *a;
    const struct temporal_query *q;
    GPtrArray *entities; /* struct temporal_entity */
    int64_t weight;      /* of the points held; a long text weighs as much as several */
    instant from, to;    /* what is inside the cut */
    bool cut;
};
void temporal_set_init(struct temporal_set *s, struct arena *a, const struct temporal_query *q);
void temporal_set_clear(struct temporal_set *s);
/* What the instances in the range must satisfy: holds sees the entity in stored form, each attribute an array
 * of its instances. */
struct temporal_filter {
    bool (*holds)(void *user, const struct json *entity);
    void *user;
};
enum temporal_keep {
    TEMPORAL_COUNT, /* only tell whether it is found */
    TEMPORAL_KEEP,  /* add it to the set when it is found */
    TEMPORAL_SHOW,  /* add it even when there is nothing in the range */
};
/* Reads the history of an entity (id, type, scope, …). *found tells whether it has points in the range asked
 * for, whatever the cut, and passes the filter (NULL = any). */
bool temporal_set_read(struct temporal_set *s, const struct json *entity, enum temporal_keep keep,
                       const struct temporal_filter *filter, bool *found, struct error *e);
/* What a point counts in a set: a long text as much as several. */
int64_t temporal_weight(const struct temporal_point *p);
/* Takes the last of what is too much away; call it once after the last entity. */
void temporal_set_finish(struct temporal_set *s);

/* Writes one entity in the format asked for. */
void temporal_render(GString *out, const struct temporal_entity *entity, const struct temporal_query *q);
/* The value of Content-Range for an answer that was cut (6.3.10). */
const char *temporal_content_range(const struct temporal_set *s);

/* ---- temporal_instance.c ---- */

/* True for the point that says that the attribute was deleted (4.5.7): its time is deletedAt. */
bool temporal_is_deletion(const struct history_point *p);
/* One instance in stored form, made of a point; with its instanceId when entity is given. */
struct json *temporal_instance(struct arena *a, const struct history_series *series, const char *entity,
                               const struct temporal_point *p);
/* "values", "objects", …: the member that lists the values of a kind in the simplified representation
 * (4.5.9). */
const char *temporal_list_member(enum attribute_kind kind);
/* Is the series one of those to be shown? */
bool temporal_shows_series(const struct temporal_query *q, const struct history_series *s);
/* Does the point have the Temporal Property that a query goes by? */
bool temporal_has_property(enum temporal_property property, const struct history_series *s,
                           const struct history_point *p);
/* Do the instances of an entity in the range satisfy the filter? all: its series. */
bool temporal_passes(const struct temporal_query *q, const struct json *entity,
                     const struct history_series *all, int count, const struct temporal_filter *filter,
                     bool *passes, struct error *e);
/* The value of a point as the simplified representation of its kind has it. */
void temporal_render_value(GString *out, const struct history_series *s, const struct temporal_point *p,
                           const struct render *r);
