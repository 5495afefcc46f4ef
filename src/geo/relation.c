/* SPDX-License-Identifier: Apache-2.0 */
/* Distances and spatial relations: GEOS for the plane, PROJ's geodesics for metres. */
#include <geodesic.h>
#include <geos_c.h>
#include <math.h>
#include <string.h>

#include "geo/geo.h"

static const double EARTH_AXIS = 6378137.0;
static const double EARTH_FLATTENING = 1 / 298.257223563;
static const double EARTH_RADIUS = 6371008.8;
/* A sphere's distance lies within this part of the ellipsoid's. */
static const double SPHERE_ERROR = 0.006;
static const double METRES_PER_DEGREE = 110574.0; /* the shortest degree of latitude */

/* ---- metres ---- */

double geo_distance(double lon1, double lat1, double lon2, double lat2)
{
    static struct geod_geodesic earth;
    static gsize ready;
    double metres;
    if (g_once_init_enter(&ready)) {
        geod_init(&earth, EARTH_AXIS, EARTH_FLATTENING);
        g_once_init_leave(&ready, 1);
    }
    geod_inverse(&earth, lat1, lon1, lat2, lon2, &metres, NULL, NULL);
    return metres;
}

double geo_haversine(double lon1, double lat1, double lon2, double lat2)
{
    double k = M_PI / 180;
    double y = sin((lat2 - lat1) * k / 2);
    double x = sin((lon2 - lon1) * k / 2);
    double h = y * y + cos(lat1 * k) * cos(lat2 * k) * x * x;
    return 2 * EARTH_RADIUS * asin(fmin(1, sqrt(h)));
}

/* ---- GEOS ---- */

static void finish(gpointer handle)
{
    GEOS_finish_r(handle);
}

/* Each thread has a GEOS context of its own. */
static GEOSContextHandle_t geos(void)
{
    static GPrivate slot = G_PRIVATE_INIT(finish);
    GEOSContextHandle_t handle = g_private_get(&slot);
    if (handle == NULL) {
        handle = GEOS_init_r();
        g_private_set(&slot, handle);
    }
    return handle;
}

/* A plane that touches the earth around a place: x and y in equal units near it. */
struct plane {
    double lon, lat; /* its origin */
    double lon_scale;
};
static const struct plane degrees = {0, 0, 1};

static double to_plane_x(const struct plane *p, double lon)
{
    double x = lon - p->lon;
    if (p != &degrees) {
        x -= 360 * round(x / 360); /* the shorter way around the globe */
    }
    return x * p->lon_scale;
}

static GEOSCoordSequence *sequence(const struct geometry *g, const struct plane *p)
{
    GEOSCoordSequence *s = GEOSCoordSeq_create_r(geos(), (unsigned)g->count, 2);
    for (int i = 0; s != NULL && i < g->count; i++) {
        GEOSCoordSeq_setXY_r(geos(), s, (unsigned)i, to_plane_x(p, g->xy[2 * i]), g->xy[2 * i + 1] - p->lat);
    }
    return s;
}

static GEOSGeometry *build(const struct geometry *g, const struct plane *p);

static void destroy_all(GEOSGeometry **parts, int n)
{
    for (int i = 0; i < n; i++) {
        GEOSGeom_destroy_r(geos(), parts[i]);
    }
}

static GEOSGeometry *build_polygon(const struct geometry *g, const struct plane *p)
{
    g_autofree GEOSGeometry **rings = g_new0(GEOSGeometry *, (gsize)g->parts_count);
    for (int i = 0; i < g->parts_count; i++) {
        rings[i] = GEOSGeom_createLinearRing_r(geos(), sequence(&g->parts[i], p));
        if (rings[i] == NULL) {
            destroy_all(rings, i);
            return NULL;
        }
    }
    return GEOSGeom_createPolygon_r(geos(), rings[0], rings + 1, (unsigned)g->parts_count - 1);
}

static GEOSGeometry *build_parts(const struct geometry *g, int type, const struct plane *p)
{
    g_autofree GEOSGeometry **parts = g_new0(GEOSGeometry *, (gsize)g->parts_count);
    for (int i = 0; i < g->parts_count; i++) {
        parts[i] = build(&g->parts[i], p);
        if (parts[i] == NULL) {
            destroy_all(parts, i);
            return NULL;
        }
    }
    return GEOSGeom_createCollection_r(geos(), type, parts, (unsigned)g->parts_count);
}

/* NULL when GEOS refuses. */
static GEOSGeometry *build(const struct geometry *g, const struct plane *p)
{
    switch (g->kind) {
    case GEOMETRY_POINT: return GEOSGeom_createPoint_r(geos(), sequence(g, p));
    case GEOMETRY_LINE: return GEOSGeom_createLineString_r(geos(), sequence(g, p));
    case GEOMETRY_POLYGON: return build_polygon(g, p);
    case GEOMETRY_MULTI_POINT: return build_parts(g, GEOS_MULTIPOINT, p);
    case GEOMETRY_MULTI_LINE: return build_parts(g, GEOS_MULTILINESTRING, p);
    case GEOMETRY_MULTI_POLYGON: return build_parts(g, GEOS_MULTIPOLYGON, p);
    case GEOMETRY_COLLECTION: return build_parts(g, GEOS_GEOMETRYCOLLECTION, p);
    }
    return NULL;
}

/* ---- distance between any two ---- */

static struct plane plane_between(const struct geometry *a, const struct geometry *b)
{
    double lat = (fmin(a->box[1], b->box[1]) + fmax(a->box[3], b->box[3])) / 2;
    double s = EARTH_FLATTENING * (2 - EARTH_FLATTENING);
    double w = 1 - s * pow(sin(lat * M_PI / 180), 2);
    /* the radius of the parallel over that of the meridian */
    double ratio = cos(lat * M_PI / 180) * w / (1 - s);
    return (struct plane){.lon = (a->box[0] + a->box[2]) / 2, .lat = lat, .lon_scale = fmax(ratio, 1e-6)};
}

/* The nearest positions of two geometries in a plane; false when GEOS fails. */
static bool nearest(const GEOSGeometry *a, const GEOSGeometry *b, double xy[4])
{
    GEOSCoordSequence *s = a != NULL && b != NULL ? GEOSNearestPoints_r(geos(), a, b) : NULL;
    if (s == NULL) {
        return false;
    }
    bool ok = GEOSCoordSeq_getXY_r(geos(), s, 0, &xy[0], &xy[1]) &&
              GEOSCoordSeq_getXY_r(geos(), s, 1, &xy[2], &xy[3]);
    GEOSCoordSeq_destroy_r(geos(), s);
    return ok;
}

double geometry_distance(const struct geometry *a, const struct geometry *b)
{
    if (a->kind == GEOMETRY_POINT && b->kind == GEOMETRY_POINT) {
        return geo_distance(a->xy[0], a->xy[1], b->xy[0], b->xy[1]);
    }
    struct plane p = plane_between(a, b);
    GEOSGeometry *ga = build(a, &p);
    GEOSGeometry *gb = build(b, &p);
    double xy[4];
    double metres = INFINITY;
    if (nearest(ga, gb, xy)) {
        metres = xy[0] == xy[2] && xy[1] == xy[3] ? 0
                                                  : geo_distance(xy[0] / p.lon_scale + p.lon, xy[1] + p.lat,
                                                                 xy[2] / p.lon_scale + p.lon, xy[3] + p.lat);
    }
    GEOSGeom_destroy_r(geos(), ga);
    GEOSGeom_destroy_r(geos(), gb);
    return metres;
}

/* ---- relations ---- */

enum { GEOS_FAILED = 2 };

static int ask(const GEOSGeometry *target, enum geo_relation relation, const GEOSGeometry *reference)
{
    switch (relation) {
    case GEO_WITHIN: return GEOSWithin_r(geos(), target, reference);
    case GEO_CONTAINS: return GEOSContains_r(geos(), target, reference);
    case GEO_INTERSECTS: return GEOSIntersects_r(geos(), target, reference);
    case GEO_EQUALS: return GEOSEquals_r(geos(), target, reference);
    case GEO_DISJOINT: return GEOSDisjoint_r(geos(), target, reference);
    case GEO_OVERLAPS: return GEOSOverlaps_r(geos(), target, reference);
    case GEO_NEAR: break;
    }
    return 0;
}

/* Asks again with both repaired (self-crossing rings and the like). */
static bool ask_repaired(const GEOSGeometry *target, enum geo_relation relation,
                         const GEOSGeometry *reference)
{
    GEOSGeometry *t = GEOSMakeValid_r(geos(), target);
    GEOSGeometry *r = GEOSMakeValid_r(geos(), reference);
    bool holds = t != NULL && r != NULL && ask(t, relation, r) == 1;
    GEOSGeom_destroy_r(geos(), t);
    GEOSGeom_destroy_r(geos(), r);
    return holds;
}

static bool simple_relates(const struct geometry *target, enum geo_relation relation,
                           const struct geometry *reference)
{
    GEOSGeometry *t = build(target, &degrees);
    GEOSGeometry *r = build(reference, &degrees);
    bool holds = false;
    if (t != NULL && r != NULL) {
        int answer = ask(t, relation, r);
        holds = answer == GEOS_FAILED ? ask_repaired(t, relation, r) : answer == 1;
    }
    GEOSGeom_destroy_r(geos(), t);
    GEOSGeom_destroy_r(geos(), r);
    return holds;
}

static bool collections_equal(const struct geometry *a, const struct geometry *b)
{
    bool equal = a->kind == b->kind && a->parts_count == b->parts_count;
    for (int i = 0; equal && i < a->parts_count; i++) {
        equal = geometry_relates(&a->parts[i], GEO_EQUALS, &b->parts[i]);
    }
    return equal;
}

/* GEOS has no predicates for collections: they hold for every part, or for some part, as the relation needs.
 */
static bool collection_relates(const struct geometry *target, enum geo_relation relation,
                               const struct geometry *reference)
{
    bool split_target = target->kind == GEOMETRY_COLLECTION;
    const struct geometry *whole = split_target ? target : reference;
    bool every = relation == GEO_DISJOINT || relation == (split_target ? GEO_WITHIN : GEO_CONTAINS);
    for (int i = 0; i < whole->parts_count; i++) {
        const struct geometry *part = &whole->parts[i];
        bool holds = split_target ? geometry_relates(part, relation, reference)
                                  : geometry_relates(target, relation, part);
        if (holds != every) {
            return holds;
        }
    }
    return every;
}

bool geometry_relates(const struct geometry *target, enum geo_relation relation,
                      const struct geometry *reference)
{
    if (target->kind != GEOMETRY_COLLECTION && reference->kind != GEOMETRY_COLLECTION) {
        return simple_relates(target, relation, reference);
    }
    if (relation == GEO_EQUALS) {
        return collections_equal(target, reference);
    }
    return collection_relates(target, relation, reference);
}

/* ---- compiled geo-queries ---- */

struct geo_query {
    struct arena *a;
    enum geo_relation relation;
    bool at_most; /* near: maxDistance rather than minDistance */
    double metres;
    struct geometry *reference;
    GEOSGeometry *plain;
    const GEOSPreparedGeometry *prepared;
    double box[4];
    bool has_box;
};

static bool parse_near(struct geo_query *q, const char *rest, struct error *e)
{
    char *end = NULL;
    const char *number = NULL;
    if (g_str_has_prefix(rest, ";maxDistance==")) {
        q->at_most = true;
        number = rest + strlen(";maxDistance==");
    } else if (g_str_has_prefix(rest, ";minDistance==")) {
        number = rest + strlen(";minDistance==");
    }
    if (number != NULL && g_ascii_isdigit(*number)) {
        q->metres = g_ascii_strtod(number, &end);
    }
    if (end == NULL || *end != '\0' || !isfinite(q->metres) || q->metres <= 0) {
        return error_set(
            e, ERROR_BAD_REQUEST_DATA,
            "georel=near needs one distance in metres above 0: near;maxDistance==2000 or "
            "near;minDistance==2000",
            "georel=near 需要一个大于 0 的距离（米）：near;maxDistance==2000 或 near;minDistance==2000");
    }
    return true;
}

static bool parse_georel(struct geo_query *q, const char *georel, struct error *e)
{
    static const char *const names[] = {
        [GEO_NEAR] = "near",         [GEO_WITHIN] = "within",
        [GEO_CONTAINS] = "contains", [GEO_INTERSECTS] = "intersects",
        [GEO_EQUALS] = "equals",     [GEO_DISJOINT] = "disjoint",
        [GEO_OVERLAPS] = "overlaps",
    };
    if (georel != NULL && (g_str_has_prefix(georel, "near;") || strcmp(georel, "near") == 0)) {
        q->relation = GEO_NEAR;
        return parse_near(q, georel + strlen("near"), e);
    }
    for (size_t i = GEO_WITHIN; i < G_N_ELEMENTS(names); i++) {
        if (g_strcmp0(georel, names[i]) == 0) {
            q->relation = (enum geo_relation)i;
            return true;
        }
    }
    return error_set(
        e, ERROR_BAD_REQUEST_DATA,
        "georel \"%.100s\" is not known; use near;maxDistance==…, near;minDistance==…, within, contains, "
        "intersects, equals, disjoint or overlaps",
        "不支持 georel“%.100s”；请使用 near;maxDistance==…、near;minDistance==…、within、contains、"
        "intersects、equals、disjoint 或 overlaps",
        georel != NULL ? georel : "");
}

/* The box in which every match of the query has a part. */
static void make_box(struct geo_query *q)
{
    memcpy(q->box, q->reference->box, sizeof q->box);
    q->has_box = q->relation != GEO_DISJOINT && (q->relation != GEO_NEAR || q->at_most);
    if (q->relation != GEO_NEAR) {
        return;
    }
    double up = q->metres / METRES_PER_DEGREE * 1.001 + 1e-9;
    double south = q->box[1] - up;
    double north = q->box[3] + up;
    double widest = fmax(fabs(south), fabs(north));
    double across = widest >= 89.9 ? 360 : up * 1.01 / cos(widest * M_PI / 180);
    q->box[1] = fmax(south, -90);
    q->box[3] = fmin(north, 90);
    q->box[0] -= across;
    q->box[2] += across;
    if (q->box[0] < -180 || q->box[2] > 180) {
        q->box[0] = -180;
        q->box[2] = 180;
    }
}

struct geo_query *geo_query_new(const char *georel, const char *kind, const struct json *coordinates,
                                struct error *e)
{
    g_autoptr(geo_query_autoptr_target) q = g_new0(struct geo_query, 1);
    q->a = arena_new();
    if (!parse_georel(q, georel, e) || (q->reference = geometry_from(q->a, kind, coordinates, e)) == NULL) {
        return NULL;
    }
    make_box(q);
    if (q->relation != GEO_NEAR) {
        q->plain = build(q->reference, &degrees);
        q->prepared = q->plain != NULL ? GEOSPrepare_r(geos(), q->plain) : NULL;
    }
    return g_steal_pointer(&q);
}

void geo_query_free(struct geo_query *q)
{
    if (q != NULL) {
        GEOSPreparedGeom_destroy_r(geos(), q->prepared);
        GEOSGeom_destroy_r(geos(), q->plain);
        arena_free(q->a);
        g_free(q);
    }
}

const double *geo_query_box(const struct geo_query *q)
{
    return q->has_box ? q->box : NULL;
}

static bool boxes_touch(const double a[4], const double b[4])
{
    return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

static bool near_matches(const struct geo_query *q, const struct geometry *target)
{
    if (target->kind == GEOMETRY_POINT && q->reference->kind == GEOMETRY_POINT) {
        double rough = geo_haversine(target->xy[0], target->xy[1], q->reference->xy[0], q->reference->xy[1]);
        if (rough < q->metres * (1 - SPHERE_ERROR) || rough > q->metres * (1 + SPHERE_ERROR)) {
            return (rough < q->metres) == q->at_most;
        }
    }
    double metres = geometry_distance(target, q->reference);
    return q->at_most ? metres <= q->metres : metres > q->metres;
}

/* The prepared reference stands on the left, so within and contains change places. */
static int ask_prepared(const GEOSPreparedGeometry *reference, enum geo_relation relation,
                        const GEOSGeometry *target)
{
    switch (relation) {
    case GEO_WITHIN: return GEOSPreparedContains_r(geos(), reference, target);
    case GEO_CONTAINS: return GEOSPreparedWithin_r(geos(), reference, target);
    case GEO_INTERSECTS: return GEOSPreparedIntersects_r(geos(), reference, target);
    case GEO_DISJOINT: return GEOSPreparedDisjoint_r(geos(), reference, target);
    case GEO_OVERLAPS: return GEOSPreparedOverlaps_r(geos(), reference, target);
    case GEO_EQUALS:
    case GEO_NEAR: break;
    }
    return GEOS_FAILED;
}

static bool geo_query_matches(struct geo_query *q, const struct geometry *target)
{
    if (q->has_box && !boxes_touch(q->box, target->box)) {
        return false;
    }
    if (q->relation == GEO_NEAR) {
        return near_matches(q, target);
    }
    int answer = GEOS_FAILED;
    if (q->prepared != NULL && target->kind != GEOMETRY_COLLECTION) {
        GEOSGeometry *t = build(target, &degrees);
        answer = t != NULL ? ask_prepared(q->prepared, q->relation, t) : GEOS_FAILED;
        GEOSGeom_destroy_r(geos(), t);
    }
    return answer == GEOS_FAILED ? geometry_relates(target, q->relation, q->reference) : answer == 1;
}

bool geo_query_matches_json(struct geo_query *q, const struct json *geojson)
{
    arena_auto a = arena_new();
    struct geometry *g = geometry_parse(a, geojson, NULL);
    return g != NULL && geo_query_matches(q, g);
}

bool geo_query_possible(struct geo_query *q, const struct geometry *area)
{
    switch (q->relation) {
    case GEO_NEAR:
        return q->at_most
                   ? geometry_distance(area, q->reference) <= q->metres
                   : area->kind != GEOMETRY_POINT || geometry_distance(area, q->reference) >= q->metres;
    case GEO_CONTAINS:
    case GEO_EQUALS: return geometry_relates(area, GEO_CONTAINS, q->reference);
    case GEO_DISJOINT: return !geometry_relates(area, GEO_WITHIN, q->reference);
    default: return geometry_relates(area, GEO_INTERSECTS, q->reference);
    }
}
