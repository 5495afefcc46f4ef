/* SPDX-License-Identifier: Apache-2.0 */
/* Geometry: GeoJSON (RFC 7946) in, boxes, distances, spatial relations (ETSI GS CIM 009 V1.9.1, 4.10),
 * fences, and the Chinese map datums. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/json.h"

/* ---- geometries ---- */

enum geometry_kind {
    GEOMETRY_POINT,
    GEOMETRY_MULTI_POINT,
    GEOMETRY_LINE,
    GEOMETRY_MULTI_LINE,
    GEOMETRY_POLYGON,
    GEOMETRY_MULTI_POLYGON,
    GEOMETRY_COLLECTION,
};

/* A checked geometry; read-only, so that threads may share it. Longitude comes before latitude, WGS84
 * degrees; altitudes are dropped. */
struct geometry {
    enum geometry_kind kind;
    double box[4];    /* min longitude, min latitude, max longitude, max latitude */
    const double *xy; /* POINT (1 position), LINE: longitude, latitude, longitude, … */
    int count;        /* positions in xy */
    const struct geometry
        *parts; /* the others: points, lines, rings (as LINE, the outer one first), polygons, any */
    int parts_count;
};

/* Checks a GeoJSON geometry object: kind, number of positions (LIMIT_COORDINATES), finite, longitude
 * -180..180, latitude -90..90, rings closed with four positions or more. NULL with ERROR_BAD_REQUEST_DATA and
 * a sentence that names the place otherwise. */
struct geometry *geometry_parse(struct arena *a, const struct json *geojson, struct error *e);
/* The same from a kind ("Polygon") and its coordinates, as query parameters bring them. No
 * GeometryCollection. */
struct geometry *geometry_from(struct arena *a, const char *kind, const struct json *coordinates,
                               struct error *e);
/* GeoJSON again. */
struct json *geometry_json(struct arena *a, const struct geometry *g);
/* Some position inside or on the geometry (of a polygon its centroid): for markers. */
void geometry_centre(const struct geometry *g, double *lon, double *lat);

/* ---- distances, in metres on the WGS84 ellipsoid ---- */

/* Between two positions; exact (geodesic). */
double geo_distance(double lon1, double lat1, double lon2, double lat2);
/* Between two positions on the sphere: some 0.5 % off, five times faster. */
double geo_haversine(double lon1, double lat1, double lon2, double lat2);
/* The shortest between any two geometries; 0 when they touch. */
double geometry_distance(const struct geometry *a, const struct geometry *b);

/* ---- relations: the georel language ---- */

enum geo_relation {
    GEO_NEAR,
    GEO_WITHIN,
    GEO_CONTAINS,
    GEO_INTERSECTS,
    GEO_EQUALS,
    GEO_DISJOINT,
    GEO_OVERLAPS,
};
/* Does the relation hold from target to reference ("target within reference")? For GEO_NEAR ask
 * geometry_distance. A geometry that cannot be worked with even after repair relates to nothing. */
bool geometry_relates(const struct geometry *target, enum geo_relation relation,
                      const struct geometry *reference);

/* A compiled geo-query. One thread at a time may use it. */
struct geo_query;
/* georel as "near;maxDistance==2000" or "within"; kind and coordinates as for geometry_from. NULL with
 * ERROR_BAD_REQUEST_DATA otherwise. */
struct geo_query *geo_query_new(const char *georel, const char *kind, const struct json *coordinates,
                                struct error *e);
void geo_query_free(struct geo_query *q); /* NULL is fine */
/* Does GeoJSON as stored match? False for what is no geometry. */
bool geo_query_matches_json(struct geo_query *q, const struct json *geojson);
/* What matches touches this box (min lon, min lat, max lon, max lat); NULL when no box can say so (disjoint,
 * minDistance). For the index. */
const double *geo_query_box(const struct geo_query *q);
/* May some geometry that lies inside the area match? For areas that only say where things may be. */
bool geo_query_possible(struct geo_query *q, const struct geometry *area);
typedef struct geo_query geo_query_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(geo_query_autoptr_target, geo_query_free)
#define geo_query_auto g_autoptr(geo_query_autoptr_target)

/* ---- fences ---- */

/* A polygon, multi-polygon or collection of them, prepared for many points. Read-only after making: threads
 * may share it. */
struct fence;
/* NULL with e set when the geometry has no area. */
struct fence *fence_new(const struct geometry *g, struct error *e);
void fence_free(struct fence *f); /* NULL is fine */
/* The border belongs to the inside. */
bool fence_contains(const struct fence *f, double lon, double lat);

/* ---- datums ---- */

/* GCJ-02 (the national offset of map services) and BD-09 (Baidu's on top of it). CGCS2000 equals WGS84 to a
 * few centimetres. Outside China GCJ-02 equals WGS84. */
enum geo_datum { DATUM_WGS84, DATUM_CGCS2000, DATUM_GCJ02, DATUM_BD09 };
/* "wgs84", "cgcs2000", "gcj02", "bd09"; false for another name. */
bool geo_datum_parse(const char *name, enum geo_datum *datum);
/* Converts in place. There and back again differs by less than a millimetre. */
void geo_convert(enum geo_datum from, enum geo_datum to, double *lon, double *lat);
