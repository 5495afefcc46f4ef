/* SPDX-License-Identifier: Apache-2.0 */
/* GeoJSON geometries: checking them, their boxes and centres, and writing them again. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "geo/geo.h"

static const struct {
    const char *name;
    enum geometry_kind part; /* what its coordinates are a list of */
} kinds[] = {
    [GEOMETRY_POINT] = {"Point", GEOMETRY_POINT},
    [GEOMETRY_MULTI_POINT] = {"MultiPoint", GEOMETRY_POINT},
    [GEOMETRY_LINE] = {"LineString", GEOMETRY_LINE},
    [GEOMETRY_MULTI_LINE] = {"MultiLineString", GEOMETRY_LINE},
    [GEOMETRY_POLYGON] = {"Polygon", GEOMETRY_LINE},
    [GEOMETRY_MULTI_POLYGON] = {"MultiPolygon", GEOMETRY_POLYGON},
    [GEOMETRY_COLLECTION] = {"GeometryCollection", GEOMETRY_COLLECTION},
};

/* Refuses with a sentence in each language. */
#define refuse(r, en, zh) error_set((r)->e, ERROR_BAD_REQUEST_DATA, en, zh)

/* State of one parse. */
struct reading {
    struct arena *a;
    int positions;
    struct error *e;
};

static bool kind_parse(const char *name, enum geometry_kind *kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_strcmp0(kinds[i].name, name) == 0) {
            *kind = (enum geometry_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_position(struct reading *r, const struct json *j, double *xy)
{
    const struct json *lon = json_first(j);
    const struct json *lat = lon != NULL ? lon->next : NULL;
    if (!json_is(j, JSON_ARRAY) || !json_is_number(lon) || !json_is_number(lat)) {
        return refuse(r, "a position must be [longitude, latitude]", "位置必须写成 [经度, 纬度]");
    }
    for (const struct json *more = lat->next; more != NULL; more = more->next) {
        if (!json_is_number(more)) {
            return refuse(r, "a position holds numbers only", "位置中只能有数字");
        }
    }
    xy[0] = json_number(lon);
    xy[1] = json_number(lat);
    if (!isfinite(xy[0]) || fabs(xy[0]) > 180) {
        return error_set(r->e, ERROR_BAD_REQUEST_DATA, "longitude %g is outside -180..180",
                         "经度 %g 超出 -180..180 的范围", xy[0]);
    }
    if (!isfinite(xy[1]) || fabs(xy[1]) > 90) {
        return error_set(r->e, ERROR_BAD_REQUEST_DATA,
                         "latitude %g is outside -90..90 (the order is [longitude, latitude])",
                         "纬度 %g 超出 -90..90 的范围（顺序为 [经度, 纬度]）", xy[1]);
    }
    if (++r->positions > LIMIT_COORDINATES) {
        return error_set(r->e, ERROR_BAD_REQUEST_DATA, "a geometry has at most %d positions",
                         "一个几何图形最多 %d 个位置", LIMIT_COORDINATES);
    }
    return true;
}

static void box_start(double box[4])
{
    box[0] = box[1] = INFINITY;
    box[2] = box[3] = -INFINITY;
}

static void box_extend(double box[4], const double other[4])
{
    box[0] = fmin(box[0], other[0]);
    box[1] = fmin(box[1], other[1]);
    box[2] = fmax(box[2], other[2]);
    box[3] = fmax(box[3], other[3]);
}

static void box_of_positions(struct geometry *g)
{
    box_start(g->box);
    for (int i = 0; i < g->count; i++) {
        const double *p = g->xy + 2 * i;
        box_extend(g->box, (const double[]){p[0], p[1], p[0], p[1]});
    }
}

static bool read_point(struct reading *r, const struct json *j, struct geometry *g)
{
    double *xy = arena_array(r->a, double, 2);
    if (!read_position(r, j, xy)) {
        return false;
    }
    *g = (struct geometry){.kind = GEOMETRY_POINT, .xy = xy, .count = 1};
    box_of_positions(g);
    return true;
}

static bool read_line(struct reading *r, const struct json *j, int at_least, struct geometry *g)
{
    if (!json_is(j, JSON_ARRAY)) {
        return refuse(r, "a line or ring must be an array of positions", "线或环必须是位置的数组");
    }
    if (j->length < (uint32_t)at_least) {
        return error_set(r->e, ERROR_BAD_REQUEST_DATA, "a %s needs at least %d positions, this has %u",
                         "%1$s 至少需要 %2$d 个位置，实际为 %3$u 个", at_least == 2 ? "LineString" : "ring",
                         at_least, j->length);
    }
    if (j->length > LIMIT_COORDINATES) {
        r->positions = LIMIT_COORDINATES; /* the first position will be refused, before memory is taken */
    }
    double *xy = r->positions < LIMIT_COORDINATES ? arena_array(r->a, double, 2 * j->length)
                                                  : arena_array(r->a, double, 2);
    int n = 0;
    for (const struct json *p = json_first(j); p != NULL; p = p->next, n++) {
        if (!read_position(r, p, xy + 2 * n)) {
            return false;
        }
    }
    *g = (struct geometry){.kind = GEOMETRY_LINE, .xy = xy, .count = n};
    box_of_positions(g);
    return true;
}

static bool read_ring(struct reading *r, const struct json *j, struct geometry *g)
{
    if (!read_line(r, j, 4, g)) {
        return false;
    }
    const double *last = g->xy + 2 * (g->count - 1);
    if (g->xy[0] != last[0] || g->xy[1] != last[1]) {
        return refuse(r, "a polygon's ring must end at the position where it began",
                      "多边形的环必须首尾相接（最后一个位置与第一个相同）");
    }
    return true;
}

static bool read_coordinates(struct reading *r, enum geometry_kind kind, const struct json *j,
                             struct geometry *g);

static bool read_part(struct reading *r, enum geometry_kind kind, const struct json *j, struct geometry *part)
{
    if (kind == GEOMETRY_POLYGON) {
        return read_ring(r, j, part);
    }
    return read_coordinates(r, kinds[kind].part, j, part);
}

static bool read_coordinates(struct reading *r, enum geometry_kind kind, const struct json *j,
                             struct geometry *g)
{
    if (kind == GEOMETRY_POINT) {
        return read_point(r, j, g);
    }
    if (kind == GEOMETRY_LINE) {
        return read_line(r, j, 2, g);
    }
    if (!json_is(j, JSON_ARRAY) || j->length == 0) {
        return error_set(r->e, ERROR_BAD_REQUEST_DATA,
                         "the coordinates of a %s must be an array that is not empty",
                         "%s 的 coordinates 必须是非空数组", kinds[kind].name);
    }
    if (j->length > LIMIT_COORDINATES) {
        return error_set(r->e, ERROR_BAD_REQUEST_DATA, "a geometry has at most %d positions",
                         "一个几何图形最多 %d 个位置", LIMIT_COORDINATES);
    }
    struct geometry *parts = arena_array(r->a, struct geometry, j->length);
    *g = (struct geometry){.kind = kind, .parts = parts, .parts_count = (int)j->length};
    box_start(g->box);
    for (const struct json *c = json_first(j); c != NULL; c = c->next, parts++) {
        if (!read_part(r, kind, c, parts)) {
            return false;
        }
        box_extend(g->box, parts->box);
    }
    return true;
}

static bool read_geometry(struct reading *r, const struct json *j, struct geometry *g, int depth);

static bool read_collection(struct reading *r, const struct json *j, struct geometry *g, int depth)
{
    const struct json *members = json_get(j, "geometries");
    if (!json_is(members, JSON_ARRAY) || members->length == 0) {
        return refuse(r, "a GeometryCollection needs an array \"geometries\" that is not empty",
                      "GeometryCollection 需要非空数组 geometries");
    }
    if (members->length > LIMIT_COORDINATES || depth > LIMIT_JSON_DEPTH) {
        return refuse(r, "the GeometryCollection is too large or too deep",
                      "GeometryCollection 过大或嵌套过深");
    }
    struct geometry *parts = arena_array(r->a, struct geometry, members->length);
    *g = (struct geometry){.kind = GEOMETRY_COLLECTION, .parts = parts, .parts_count = (int)members->length};
    box_start(g->box);
    for (const struct json *c = json_first(members); c != NULL; c = c->next, parts++) {
        if (!read_geometry(r, c, parts, depth + 1)) {
            return false;
        }
        box_extend(g->box, parts->box);
    }
    return true;
}

static bool read_geometry(struct reading *r, const struct json *j, struct geometry *g, int depth)
{
    enum geometry_kind kind;
    const char *name = json_get_string(j, "type");
    if (!json_is(j, JSON_OBJECT) || name == NULL) {
        return refuse(r, "a geometry must be a GeoJSON object with \"type\" and \"coordinates\"",
                      "几何图形必须是带有 type 和 coordinates 的 GeoJSON 对象");
    }
    if (!kind_parse(name, &kind)) {
        return error_set(
            r->e, ERROR_BAD_REQUEST_DATA,
            "\"%.100s\" is no GeoJSON geometry; known are Point, MultiPoint, LineString, "
            "MultiLineString, Polygon, MultiPolygon, GeometryCollection",
            "“%.100s”不是 GeoJSON 几何类型；可用的有 Point、MultiPoint、LineString、MultiLineString、"
            "Polygon、MultiPolygon、GeometryCollection",
            name);
    }
    if (kind == GEOMETRY_COLLECTION) {
        return read_collection(r, j, g, depth);
    }
    return read_coordinates(r, kind, json_get(j, "coordinates"), g);
}

struct geometry *geometry_parse(struct arena *a, const struct json *geojson, struct error *e)
{
    struct reading r = {.a = a, .e = e};
    struct geometry *g = arena_new0(a, struct geometry);
    return read_geometry(&r, geojson, g, 0) ? g : NULL;
}

struct geometry *geometry_from(struct arena *a, const char *kind_name, const struct json *coordinates,
                               struct error *e)
{
    struct reading r = {.a = a, .e = e};
    struct geometry *g = arena_new0(a, struct geometry);
    enum geometry_kind kind;
    if (!kind_parse(kind_name, &kind) || kind == GEOMETRY_COLLECTION) {
        error_set(e, ERROR_BAD_REQUEST_DATA,
                  "geometry \"%.100s\" is not known; use Point, MultiPoint, LineString, MultiLineString, "
                  "Polygon or "
                  "MultiPolygon",
                  "不支持几何类型“%.100s”；请使用 Point、MultiPoint、LineString、MultiLineString、Polygon 或 "
                  "MultiPolygon",
                  kind_name != NULL ? kind_name : "");
        return NULL;
    }
    return read_coordinates(&r, kind, coordinates, g) ? g : NULL;
}

static struct json *position_json(struct arena *a, const double *xy)
{
    struct json *p = json_array(a);
    json_append(p, json_double(a, xy[0]));
    json_append(p, json_double(a, xy[1]));
    return p;
}

static struct json *coordinates_json(struct arena *a, const struct geometry *g)
{
    if (g->kind == GEOMETRY_POINT) {
        return position_json(a, g->xy);
    }
    struct json *list = json_array(a);
    for (int i = 0; i < g->count; i++) {
        json_append(list, position_json(a, g->xy + 2 * i));
    }
    for (int i = 0; i < g->parts_count; i++) {
        json_append(list, coordinates_json(a, &g->parts[i]));
    }
    return list;
}

struct json *geometry_json(struct arena *a, const struct geometry *g)
{
    struct json *j = json_object(a);
    json_add(j, "type", json_string(a, kinds[g->kind].name));
    if (g->kind != GEOMETRY_COLLECTION) {
        json_add(j, "coordinates", coordinates_json(a, g));
        return j;
    }
    struct json *members = json_add(j, "geometries", json_array(a));
    for (int i = 0; i < g->parts_count; i++) {
        json_append(members, geometry_json(a, &g->parts[i]));
    }
    return j;
}

/* Twice the signed area of a ring, with its centroid relative to the first position (for accuracy). */
static double ring_centroid(const struct geometry *ring, double *lon, double *lat)
{
    double area = 0;
    double x = 0;
    double y = 0;
    const double *o = ring->xy;
    for (int i = 0; i + 1 < ring->count; i++) {
        const double *p = ring->xy + 2 * i;
        double px = p[0] - o[0], py = p[1] - o[1], qx = p[2] - o[0], qy = p[3] - o[1];
        double cross = px * qy - qx * py;
        area += cross;
        x += (px + qx) * cross;
        y += (py + qy) * cross;
    }
    if (area != 0) {
        *lon = o[0] + x / (3 * area);
        *lat = o[1] + y / (3 * area);
    }
    return fabs(area);
}

static double box_size(const struct geometry *g)
{
    return hypot(g->box[2] - g->box[0], g->box[3] - g->box[1]);
}

void geometry_centre(const struct geometry *g, double *lon, double *lat)
{
    if (g->kind == GEOMETRY_POINT || g->kind == GEOMETRY_LINE) {
        const double *p = g->xy + 2 * (g->count / 2);
        *lon = p[0];
        *lat = p[1];
        return;
    }
    if (g->kind == GEOMETRY_POLYGON && ring_centroid(&g->parts[0], lon, lat) > 0) {
        return;
    }
    const struct geometry *largest = &g->parts[0];
    for (int i = 1; i < g->parts_count; i++) {
        largest = box_size(&g->parts[i]) > box_size(largest) ? &g->parts[i] : largest;
    }
    geometry_centre(largest, lon, lat);
}
