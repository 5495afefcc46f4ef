/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes GeoJSON: what is accepted keeps its promises (box, centre, the way back), and every question about
 * it has an answer. */
#include <math.h>

#include "geo/geo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_box(const struct geometry *g)
{
    double lon, lat;
    geometry_centre(g, &lon, &lat);
    g_assert(isfinite(lon) && isfinite(lat));
    g_assert(g->box[0] >= -180 && g->box[1] >= -90 && g->box[2] <= 180 && g->box[3] <= 90);
    g_assert(g->box[0] <= g->box[2] && g->box[1] <= g->box[3]);
}

static void check_way_back(struct arena *a, const struct geometry *g)
{
    struct error e = {0};
    const struct json *written = geometry_json(a, g);
    const struct geometry *again = geometry_parse(a, written, &e);
    g_assert(again != NULL && again->kind == g->kind);
    g_assert(json_equal(written, geometry_json(a, again)));
}

static void ask_about(const struct geometry *g)
{
    static const double xy[] = {106.5, 29.5};
    static const struct geometry point = {
        .kind = GEOMETRY_POINT, .box = {106.5, 29.5, 106.5, 29.5}, .xy = xy, .count = 1};
    for (int relation = GEO_WITHIN; relation <= GEO_OVERLAPS; relation++) {
        geometry_relates(g, (enum geo_relation)relation, &point);
        geometry_relates(&point, (enum geo_relation)relation, g);
        geometry_relates(g, (enum geo_relation)relation, g);
    }
    double far = geometry_distance(g, &point);
    g_assert(far >= 0 && far < 21000000);
}

static void ask_fence(const struct geometry *g)
{
    struct error e = {0};
    struct fence *f = fence_new(g, &e);
    if (f == NULL) {
        g_assert(e.en[0] != '\0' && e.zh[0] != '\0');
        return;
    }
    bool outside = fence_contains(f, g->box[0], g->box[1] > -89 ? g->box[1] - 1 : 90);
    g_assert(!outside || g->box[3] > 89);
    fence_contains(f, (g->box[0] + g->box[2]) / 2, (g->box[1] + g->box[3]) / 2);
    fence_free(f);
}

static void ask_query(const struct json *v)
{
    static const char *const relations[] = {"near;maxDistance==2000", "within", "disjoint"};
    const char *kind = json_get_string(v, "type");
    for (size_t i = 0; i < G_N_ELEMENTS(relations); i++) {
        struct error e = {0};
        geo_query_auto q = geo_query_new(relations[i], kind, json_get(v, "coordinates"), &e);
        g_assert(q != NULL || e.en[0] != '\0');
        if (q != NULL) {
            geo_query_matches_json(q, v);
            geo_query_box(q);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_auto a = arena_new();
    struct error e = {0};
    struct json *v = json_parse(a, (const char *)data, size, &e);
    const struct geometry *g = v != NULL ? geometry_parse(a, v, &e) : NULL;
    if (g == NULL) {
        g_assert(e.en[0] != '\0' && e.zh[0] != '\0');
        return 0;
    }
    check_box(g);
    check_way_back(a, g);
    ask_about(g);
    ask_fence(g);
    if (g->kind != GEOMETRY_COLLECTION) {
        ask_query(v);
    }
    return 0;
}
