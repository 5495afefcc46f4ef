/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of geometry: what is refused, boxes, distances, relations, fences, datums. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "geo/geo.h"

static struct json *parse(struct arena *a, const char *text)
{
    struct error e = {0};
    struct json *j = json_parse(a, text, strlen(text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return j;
}

static struct geometry *shape(struct arena *a, const char *text)
{
    struct error e = {0};
    struct geometry *g = geometry_parse(a, parse(a, text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return g;
}

static const char *const all_kinds[] = {
    "{\"type\":\"Point\",\"coordinates\":[106.5,29.5]}",
    "{\"type\":\"MultiPoint\",\"coordinates\":[[106.5,29.5],[107.5,30.5]]}",
    "{\"type\":\"LineString\",\"coordinates\":[[106.5,29.5],[107.5,30.5]]}",
    "{\"type\":\"MultiLineString\",\"coordinates\":[[[106.5,29.5],[107.5,30.5]],[[1.5,2.5],[3.5,4.5]]]}",
    "{\"type\":\"Polygon\",\"coordinates\":[[[0.5,0.5],[9.5,0.5],[9.5,9.5],[0.5,0.5]]]}",
    "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0.5,0.5],[9.5,0.5],[9.5,9.5],[0.5,0.5]]]]}",
    "{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[106.5,29.5]}]}",
};

static void every_kind_comes_back(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(all_kinds); i++) {
        arena_auto a = arena_new();
        g_assert_cmpstr(json_text(a, geometry_json(a, shape(a, all_kinds[i]))), ==, all_kinds[i]);
    }
}

static void wrong_geometries_are_refused(void)
{
    static const char *const wrong[] = {
        "5",
        "{}",
        "{\"type\":\"Circle\",\"coordinates\":[1,2]}",
        "{\"type\":\"Point\"}",
        "{\"type\":\"Point\",\"coordinates\":[]}",
        "{\"type\":\"Point\",\"coordinates\":[1]}",
        "{\"type\":\"Point\",\"coordinates\":[\"1\",2]}",
        "{\"type\":\"Point\",\"coordinates\":[1,2,\"3\"]}",
        "{\"type\":\"Point\",\"coordinates\":[180.1,2]}",
        "{\"type\":\"Point\",\"coordinates\":[29.5,106.5]}",
        "{\"type\":\"LineString\",\"coordinates\":[[1,2]]}",
        "{\"type\":\"LineString\",\"coordinates\":{\"a\":1}}",
        "{\"type\":\"MultiPoint\",\"coordinates\":[]}",
        "{\"type\":\"Polygon\",\"coordinates\":[]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,1]]]}",
        "{\"type\":\"GeometryCollection\",\"geometries\":[]}",
        "{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\"}]}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        arena_auto a = arena_new();
        struct error e = {0};
        g_assert_null(geometry_parse(a, parse(a, wrong[i]), &e));
        g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
        g_assert_cmpstr(e.en, !=, "");
        g_assert_cmpstr(e.zh, !=, "");
    }
}

static void too_many_positions_are_refused(void)
{
    arena_auto a = arena_new();
    struct json *list = json_array(a);
    struct json *position = parse(a, "[1,2]");
    for (int i = 0; i <= LIMIT_COORDINATES; i++) {
        json_append(list, json_copy(a, position));
    }
    struct error e = {0};
    g_assert_null(geometry_from(a, "LineString", list, &e));
    g_assert_nonnull(strstr(e.en, "100000"));
    g_assert_null(geometry_from(a, "MultiPoint", list, &e));
}

static void boxes_and_centres(void)
{
    arena_auto a = arena_new();
    struct geometry *g = shape(a, "{\"type\":\"Polygon\",\"coordinates\":[[[1,2],[5,2],[5,4],[1,4],[1,2]]]}");
    double lon, lat;
    g_assert_cmpfloat(g->box[0], ==, 1);
    g_assert_cmpfloat(g->box[3], ==, 4);
    geometry_centre(g, &lon, &lat);
    g_assert_cmpfloat_with_epsilon(lon, 3, 1e-9);
    g_assert_cmpfloat_with_epsilon(lat, 3, 1e-9);
}

static void distances_are_known(void)
{
    /* one degree of the equator on WGS84; the meridian quadrant */
    g_assert_cmpfloat_with_epsilon(geo_distance(0, 0, 1, 0), 111319.491, 0.001);
    g_assert_cmpfloat_with_epsilon(geo_distance(0, 0, 0, 90), 10001965.729, 0.001);
    g_assert_cmpfloat_with_epsilon(geo_distance(179.5, 0, -179.5, 0), 111319.491, 0.001);
    GRand *r = g_rand_new_with_seed(7);
    for (int i = 0; i < 500; i++) {
        double p[4] = {g_rand_double_range(r, -180, 180), g_rand_double_range(r, -90, 90),
                       g_rand_double_range(r, -180, 180), g_rand_double_range(r, -90, 90)};
        double exact = geo_distance(p[0], p[1], p[2], p[3]);
        g_assert_cmpfloat_with_epsilon(geo_haversine(p[0], p[1], p[2], p[3]), exact, exact * 0.006);
    }
    g_rand_free(r);
}

static void distance_to_a_line_is_found(void)
{
    arena_auto a = arena_new();
    struct geometry *line = shape(a, "{\"type\":\"LineString\",\"coordinates\":[[106.5,29.5],[106.6,29.5]]}");
    struct geometry *point = shape(a, "{\"type\":\"Point\",\"coordinates\":[106.55,29.509]}");
    double expected = geo_distance(106.55, 29.5, 106.55, 29.509);
    g_assert_cmpfloat_with_epsilon(geometry_distance(point, line), expected, expected * 1e-4);
    struct geometry *area =
        shape(a, "{\"type\":\"Polygon\",\"coordinates\":[[[106,29],[107,29],[107,30],[106,30],[106,29]]]}");
    g_assert_cmpfloat(geometry_distance(point, area), ==, 0);
}

static bool asks(const char *georel, const char *kind, const char *coordinates, const char *target)
{
    arena_auto a = arena_new();
    struct error e = {0};
    geo_query_auto q = geo_query_new(georel, kind, parse(a, coordinates), &e);
    g_assert_cmpstr(e.en, ==, "");
    return geo_query_matches_json(q, parse(a, target));
}

#define SQUARE "[[[0,0],[4,0],[4,4],[0,4],[0,0]]]"
#define POINT(xy) "{\"type\":\"Point\",\"coordinates\":" xy "}"
#define AREA(c) "{\"type\":\"Polygon\",\"coordinates\":" c "}"

static void relations_hold(void)
{
    const char *small = AREA("[[[1,1],[2,1],[2,2],[1,2],[1,1]]]");
    const char *across = AREA("[[[3,3],[6,3],[6,6],[3,6],[3,3]]]");
    const char *same = AREA("[[[4,4],[0,4],[0,0],[4,0],[4,4]]]");
    g_assert_true(asks("within", "Polygon", SQUARE, POINT("[1,1]")));
    g_assert_false(asks("within", "Polygon", SQUARE, POINT("[5,1]")));
    g_assert_true(asks("within", "Polygon", SQUARE, small));
    g_assert_false(asks("within", "Polygon", SQUARE, across));
    g_assert_true(asks("contains", "Point", "[1.5,1.5]", small));
    g_assert_false(asks("contains", "Point", "[3,3]", small));
    g_assert_true(asks("intersects", "Polygon", SQUARE, across));
    g_assert_true(asks("overlaps", "Polygon", SQUARE, across));
    g_assert_false(asks("overlaps", "Polygon", SQUARE, small));
    g_assert_true(asks("equals", "Polygon", SQUARE, same));
    g_assert_false(asks("equals", "Polygon", SQUARE, small));
    g_assert_true(asks("disjoint", "Polygon", SQUARE, POINT("[9,9]")));
    g_assert_false(asks("disjoint", "Polygon", SQUARE, small));
}

static void collections_relate_by_their_parts(void)
{
    const char *both =
        "{\"type\":\"GeometryCollection\",\"geometries\":[" POINT("[1,1]") "," POINT("[9,9]") "]}";
    g_assert_false(asks("within", "Polygon", SQUARE, both));
    g_assert_true(asks("intersects", "Polygon", SQUARE, both));
    g_assert_false(asks("disjoint", "Polygon", SQUARE, both));
    g_assert_true(asks("within", "Polygon", "[[[0,0],[10,0],[10,10],[0,10],[0,0]]]", both));
}

static void a_crossing_ring_is_worked_with(void)
{
    g_assert_true(asks("intersects", "Polygon", "[[[0,0],[4,4],[4,0],[0,4],[0,0]]]", POINT("[0.5,1]")));
}

static void near_is_a_distance(void)
{
    g_assert_true(asks("near;maxDistance==2000", "Point", "[106.5,29.5]", POINT("[106.51,29.51]")));
    g_assert_false(asks("near;maxDistance==1000", "Point", "[106.5,29.5]", POINT("[106.51,29.51]")));
    g_assert_true(asks("near;minDistance==1000", "Point", "[106.5,29.5]", POINT("[106.51,29.51]")));
    g_assert_false(asks("near;minDistance==2000", "Point", "[106.5,29.5]", POINT("[106.51,29.51]")));
    g_assert_true(asks("near;maxDistance==112000", "Point", "[179.5,0]", POINT("[-179.5,0]")));
    g_assert_true(asks("near;maxDistance==1001", "LineString", "[[106.5,29.5],[106.6,29.5]]",
                       POINT("[106.55,29.509]")));
    g_assert_false(
        asks("near;maxDistance==990", "LineString", "[[106.5,29.5],[106.6,29.5]]", POINT("[106.55,29.509]")));
}

static void wrong_georels_are_refused(void)
{
    static const char *const wrong[] = {"",
                                        "nearly",
                                        "near",
                                        "near;",
                                        "near;maxDistance=5",
                                        "near;maxDistance==0",
                                        "near;maxDistance==-5",
                                        "near;maxDistance==5x",
                                        "near;maxDistance==1;minDistance==2",
                                        "within;maxDistance==5",
                                        "near;maxDistance==1e999"};
    arena_auto a = arena_new();
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct error e = {0};
        g_assert_null(geo_query_new(wrong[i], "Point", parse(a, "[1,1]"), &e));
        g_assert_cmpint(e.code, ==, ERROR_BAD_REQUEST_DATA);
    }
    g_assert_null(geo_query_new("within", "GeometryCollection", parse(a, "[1,1]"), NULL));
    g_assert_null(geo_query_new("within", "Polygon", parse(a, "[1,1]"), NULL));
}

/* Whatever matches must lie in the query's box, else the index would lose it. */
static void boxes_lose_no_match(void)
{
    arena_auto a = arena_new();
    GRand *r = g_rand_new_with_seed(11);
    for (int i = 0; i < 2000; i++) {
        double lon = g_rand_double_range(r, -180, 180), lat = g_rand_double_range(r, -89, 89);
        double lon2 = lon + g_rand_double_range(r, -5, 5), lat2 = lat + g_rand_double_range(r, -3, 3);
        lon2 = CLAMP(lon2, -180, 180);
        lat2 = CLAMP(lat2, -90, 90);
        double metres = g_rand_double_range(r, 1, 300000);
        struct json *c = json_array(a);
        json_append(c, json_double(a, lon));
        json_append(c, json_double(a, lat));
        g_autofree char *georel = g_strdup_printf("near;maxDistance==%f", metres);
        geo_query_auto q = geo_query_new(georel, "Point", c, NULL);
        const double *box = geo_query_box(q);
        if (geo_distance(lon, lat, lon2, lat2) <= metres) {
            g_assert_true(lon2 >= box[0] && lon2 <= box[2] && lat2 >= box[1] && lat2 <= box[3]);
        }
        arena_clear(a);
    }
    g_rand_free(r);
}

static struct fence *fence_of(struct arena *a, const char *text)
{
    struct error e = {0};
    struct fence *f = fence_new(shape(a, text), &e);
    g_assert_cmpstr(e.en, ==, "");
    return f;
}

static void fences_know_holes_and_borders(void)
{
    arena_auto a = arena_new();
    struct fence *f = fence_of(a, AREA("[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[2,1],[2,2],[1,2],[1,1]]]"));
    g_assert_true(fence_contains(f, 3, 3));
    g_assert_false(fence_contains(f, 1.5, 1.5));
    g_assert_true(fence_contains(f, 1, 1.5));
    g_assert_true(fence_contains(f, 0, 0));
    g_assert_true(fence_contains(f, 4, 4));
    g_assert_true(fence_contains(f, 2, 4));
    g_assert_false(fence_contains(f, 4.0001, 2));
    fence_free(f);
    g_assert_null(fence_new(shape(a, POINT("[1,1]")), NULL));
}

/* A star with many corners: the fence must agree with GEOS on random points. */
static void fences_agree_with_geos(void)
{
    arena_auto a = arena_new();
    GRand *r = g_rand_new_with_seed(3);
    g_autoptr(GString) ring = g_string_new("{\"type\":\"Polygon\",\"coordinates\":[[");
    for (int i = 0; i < 300; i++) {
        double radius = g_rand_double_range(r, 0.5, 1), angle = 2 * M_PI * i / 300;
        g_string_append_printf(ring, "[%.6f,%.6f],", radius * cos(angle), radius * sin(angle));
    }
    g_rand_set_seed(r, 3);
    g_string_append_printf(ring, "[%.6f,0.000000]]]}", g_rand_double_range(r, 0.5, 1));
    struct geometry *star = shape(a, ring->str);
    struct fence *f = fence_new(star, NULL);
    for (int i = 0; i < 2000; i++) {
        double xy[2] = {g_rand_double_range(r, -1, 1), g_rand_double_range(r, -1, 1)};
        struct geometry point = {
            .kind = GEOMETRY_POINT, .xy = xy, .count = 1, .box = {xy[0], xy[1], xy[0], xy[1]}};
        g_assert_cmpint(fence_contains(f, xy[0], xy[1]), ==, geometry_relates(&point, GEO_WITHIN, star));
    }
    fence_free(f);
    g_rand_free(r);
}

/* A comb whose every tooth is as high as the whole: an edge in each band would take gigabytes. */
static void fences_of_long_edges_stay_small(void)
{
    arena_auto a = arena_new();
    g_autoptr(GString) ring = g_string_new("[[[0,-1],");
    int teeth = 40000;
    for (int i = 0; i < teeth; i++) {
        g_string_append_printf(ring, "[%d.%05d,%d],", i / 100000, i % 100000, i % 2);
    }
    g_string_append(ring, "[1,-1],[0,-1]]]");
    g_autofree char *text = g_strdup_printf("{\"type\":\"Polygon\",\"coordinates\":%s}", ring->str);
    struct fence *f = fence_of(a, text);
    g_assert_true(fence_contains(f, 0.2, -0.5));
    g_assert_true(fence_contains(f, 0.20001, 0.5));
    g_assert_false(fence_contains(f, 0.2, 0.5));
    g_assert_false(fence_contains(f, 0.9, 0.5));
    fence_free(f);
    g_autofree char *status = NULL;
    g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    const char *peak = strstr(status, "VmHWM:");
    g_assert_cmpint(g_ascii_strtoll(peak + strlen("VmHWM:"), NULL, 10), <, 1 << 20); /* KiB */
}

static void datums_shift_and_return(void)
{
    double lon = 116.391265, lat = 39.907375; /* Tiananmen */
    geo_convert(DATUM_WGS84, DATUM_GCJ02, &lon, &lat);
    g_assert_cmpfloat_with_epsilon(lon, 116.397507, 1e-5);
    g_assert_cmpfloat_with_epsilon(lat, 39.908778, 1e-5);
    geo_convert(DATUM_GCJ02, DATUM_BD09, &lon, &lat);
    g_assert_cmpfloat_with_epsilon(lon, 116.403884, 5e-5);
    g_assert_cmpfloat_with_epsilon(lat, 39.915107, 5e-5);
    double london[2] = {-0.1, 51.5};
    geo_convert(DATUM_WGS84, DATUM_GCJ02, &london[0], &london[1]);
    g_assert_cmpfloat(london[0], ==, -0.1);
    enum geo_datum d;
    g_assert_true(geo_datum_parse("cgcs2000", &d));
    g_assert_false(geo_datum_parse("utm", &d));
    g_assert_false(geo_datum_parse(NULL, &d));
}

static void datums_round_trip(void)
{
    GRand *r = g_rand_new_with_seed(5);
    for (int i = 0; i < 1000; i++) {
        double x = g_rand_double_range(r, 75, 135), y = g_rand_double_range(r, 18, 53), lon = x, lat = y;
        enum geo_datum to = (enum geo_datum)g_rand_int_range(r, 0, 4);
        enum geo_datum from = (enum geo_datum)g_rand_int_range(r, 0, 4);
        geo_convert(from, to, &lon, &lat);
        g_assert_cmpfloat(geo_distance(x, y, lon, lat), <, 3000);
        geo_convert(to, from, &lon, &lat);
        g_assert_cmpfloat(geo_distance(x, y, lon, lat), <, 0.001);
    }
    g_rand_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/geometry/kinds", every_kind_comes_back);
    g_test_add_func("/geometry/wrong", wrong_geometries_are_refused);
    g_test_add_func("/geometry/limit", too_many_positions_are_refused);
    g_test_add_func("/geometry/box", boxes_and_centres);
    g_test_add_func("/distance/known", distances_are_known);
    g_test_add_func("/distance/line", distance_to_a_line_is_found);
    g_test_add_func("/relation/simple", relations_hold);
    g_test_add_func("/relation/collections", collections_relate_by_their_parts);
    g_test_add_func("/relation/repair", a_crossing_ring_is_worked_with);
    g_test_add_func("/relation/near", near_is_a_distance);
    g_test_add_func("/relation/wrong", wrong_georels_are_refused);
    g_test_add_func("/relation/box", boxes_lose_no_match);
    g_test_add_func("/fence/borders", fences_know_holes_and_borders);
    g_test_add_func("/fence/geos", fences_agree_with_geos);
    g_test_add_func("/fence/long-edges", fences_of_long_edges_stay_small);
    g_test_add_func("/datum/known", datums_shift_and_return);
    g_test_add_func("/datum/round", datums_round_trip);
    return g_test_run();
}
