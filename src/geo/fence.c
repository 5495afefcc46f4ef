/* SPDX-License-Identifier: Apache-2.0 */
/* Fences: is a point in a polygon? Edges are sorted into bands of latitude, so that a question reads few of
 * them. */
#include <math.h>
#include <string.h>

#include "geo/geo.h"

enum { PLACES_AN_EDGE = 16 }; /* on average */

struct edge {
    double x1, y1, x2, y2; /* y1 <= y2 */
};
/* One polygon with its holes: a point is inside when a ray to the east crosses an odd number of edges. */
struct area {
    double box[4];
    int bands;
    double band_height;
    int *starts;        /* bands + 1 offsets into edges */
    struct edge *edges; /* an edge stands in every band that it touches */
};
struct fence {
    struct arena *a;
    double box[4];
    GPtrArray *areas;
};

static int band_of(const struct area *area, double y)
{
    int band = area->band_height > 0 ? (int)((y - area->box[1]) / area->band_height) : 0;
    return CLAMP(band, 0, area->bands - 1);
}

/* Calls each for every edge of a polygon. */
static void each_edge(const struct geometry *polygon, void (*each)(struct area *area, const struct edge *e),
                      struct area *area)
{
    for (int r = 0; r < polygon->parts_count; r++) {
        const struct geometry *ring = &polygon->parts[r];
        for (int i = 0; i + 1 < ring->count; i++) {
            const double *p = ring->xy + 2 * i;
            bool up = p[1] <= p[3];
            struct edge e =
                up ? (struct edge){p[0], p[1], p[2], p[3]} : (struct edge){p[2], p[3], p[0], p[1]};
            each(area, &e);
        }
    }
}

static void count_edge(struct area *area, const struct edge *e)
{
    for (int b = band_of(area, e->y1); b <= band_of(area, e->y2); b++) {
        area->starts[b]++;
    }
}

/* Fills from the back: afterwards starts[b] is where band b begins. */
static void place_edge(struct area *area, const struct edge *e)
{
    for (int b = band_of(area, e->y1); b <= band_of(area, e->y2); b++) {
        area->edges[--area->starts[b]] = *e;
    }
}

/* Cuts the box into bands and counts the places that the edges take in them. */
static int count_places(struct area *area, const struct geometry *polygon, int bands)
{
    int places = 0;
    area->bands = bands;
    area->band_height = (area->box[3] - area->box[1]) / bands;
    memset(area->starts, 0, sizeof *area->starts * (size_t)(bands + 1));
    each_edge(polygon, count_edge, area);
    for (int b = 0; b < bands; b++) {
        places += area->starts[b];
    }
    return places;
}

/* Long edges stand in many bands: there are only as many bands as keep that within bounds. */
static struct area *area_new(struct arena *a, const struct geometry *polygon)
{
    struct area *area = arena_new0(a, struct area);
    int edges = 0;
    for (int r = 0; r < polygon->parts_count; r++) {
        edges += polygon->parts[r].count - 1;
    }
    memcpy(area->box, polygon->box, sizeof area->box);
    int bands = CLAMP(edges / 4, 1, 2000);
    area->starts = arena_array(a, int, bands + 1);
    while (count_places(area, polygon, bands) > PLACES_AN_EDGE * edges && bands > 1) {
        bands = MAX(bands / 4, 1);
    }
    for (int b = 1; b <= area->bands; b++) {
        area->starts[b] += area->starts[b - 1];
    }
    area->edges = arena_array(a, struct edge, area->starts[area->bands]);
    each_edge(polygon, place_edge, area);
    return area;
}

static void add_areas(struct fence *f, const struct geometry *g)
{
    if (g->kind == GEOMETRY_POLYGON) {
        g_ptr_array_add(f->areas, area_new(f->a, g));
    } else if (g->kind == GEOMETRY_MULTI_POLYGON || g->kind == GEOMETRY_COLLECTION) {
        for (int i = 0; i < g->parts_count; i++) {
            add_areas(f, &g->parts[i]);
        }
    }
}

struct fence *fence_new(const struct geometry *g, struct error *e)
{
    struct fence *f = g_new0(struct fence, 1);
    f->a = arena_new();
    f->areas = g_ptr_array_new();
    memcpy(f->box, g->box, sizeof f->box);
    add_areas(f, g);
    if (f->areas->len == 0) {
        fence_free(f);
        error_set(e, ERROR_BAD_REQUEST_DATA, "a fence needs a Polygon or MultiPolygon",
                  "围栏需要 Polygon 或 MultiPolygon");
        return NULL;
    }
    return f;
}

void fence_free(struct fence *f)
{
    if (f != NULL) {
        g_ptr_array_unref(f->areas);
        arena_free(f->a);
        g_free(f);
    }
}

static bool in_box(const double box[4], double lon, double lat)
{
    return lon >= box[0] && lon <= box[2] && lat >= box[1] && lat <= box[3];
}

/* Positive when the point lies west of the edge. */
static double side(const struct edge *e, double lon, double lat)
{
    return (e->x2 - e->x1) * (lat - e->y1) - (lon - e->x1) * (e->y2 - e->y1);
}

static bool on_edge(const struct edge *e, double lon, double lat)
{
    return lat >= e->y1 && lat <= e->y2 && lon >= fmin(e->x1, e->x2) && lon <= fmax(e->x1, e->x2) &&
           side(e, lon, lat) == 0;
}

static bool area_contains(const struct area *area, double lon, double lat)
{
    if (!in_box(area->box, lon, lat)) {
        return false;
    }
    bool inside = false;
    int band = band_of(area, lat);
    for (int i = area->starts[band]; i < area->starts[band + 1]; i++) {
        const struct edge *e = &area->edges[i];
        if (on_edge(e, lon, lat)) {
            return true;
        }
        if (lat >= e->y1 && lat < e->y2 && side(e, lon, lat) > 0) {
            inside = !inside;
        }
    }
    return inside;
}

bool fence_contains(const struct fence *f, double lon, double lat)
{
    if (!in_box(f->box, lon, lat)) {
        return false;
    }
    for (guint i = 0; i < f->areas->len; i++) {
        if (area_contains(g_ptr_array_index(f->areas, i), lon, lat)) {
            return true;
        }
    }
    return false;
}
