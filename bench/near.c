/* SPDX-License-Identifier: Apache-2.0 */
/* The limit for geo-queries: a bare SQLite R*Tree with GEOS that looks for the first 20 points, by age,
 * within a distance of random places, and copies their bodies. Usage: bench_near DIR POINTS BODY_BYTES METRES
 * SECONDS; prints the queries a second. */
#include <geos_c.h>
#include <glib.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 20 };
/* Where bench/core.py puts its points. */
static const double west = 106.4, south = 29.4, side = 0.2;

static void must(int code, int expected, sqlite3 *db)
{
    if (code != expected) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(db));
        exit(1);
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    must(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK, db);
    return st;
}

static sqlite3 *open_database(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "near.db", NULL);
    sqlite3 *db;
    must(sqlite3_open(path, &db), SQLITE_OK, db);
    must(sqlite3_exec(db,
                      "PRAGMA journal_mode=OFF;PRAGMA cache_size=-8192;"
                      "CREATE TABLE point(eid INTEGER PRIMARY KEY, lon REAL, lat REAL, body BLOB);"
                      "CREATE VIRTUAL TABLE box USING rtree(eid, x0, x1, y0, y1)",
                      NULL, NULL, NULL),
         SQLITE_OK, db);
    return db;
}

static void fill(sqlite3 *db, int points, int body_bytes)
{
    sqlite3_stmt *point = prepare(db, "INSERT INTO point VALUES (?1, ?2, ?3, zeroblob(?4))");
    sqlite3_stmt *box = prepare(db, "INSERT INTO box VALUES (?1, ?2, ?2, ?3, ?3)");
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    for (int i = 1; i <= points; i++) {
        double lon = west + drand48() * side, lat = south + drand48() * side;
        sqlite3_bind_int(point, 1, i);
        sqlite3_bind_double(point, 2, lon);
        sqlite3_bind_double(point, 3, lat);
        sqlite3_bind_int(point, 4, body_bytes);
        must(sqlite3_step(point), SQLITE_DONE, db);
        sqlite3_reset(point);
        sqlite3_bind_int(box, 1, i);
        sqlite3_bind_double(box, 2, lon);
        sqlite3_bind_double(box, 3, lat);
        must(sqlite3_step(box), SQLITE_DONE, db);
        sqlite3_reset(box);
    }
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}

/* Metres in a plane that touches the earth at the place asked for. */
static GEOSGeometry *plane_point(GEOSContextHandle_t geos, double lon, double lat)
{
    return GEOSGeom_createPointFromXY_r(geos, lon * 111320 * cos(lat * G_PI / 180), lat * 110574);
}

static size_t ask(sqlite3_stmt *st, GEOSContextHandle_t geos, double metres, GByteArray *out)
{
    double lon = west + drand48() * side, lat = south + drand48() * side;
    double dy = metres / 110574, dx = metres / (111320 * cos(lat * G_PI / 180));
    GEOSGeometry *place = plane_point(geos, lon, lat);
    int found = 0;
    sqlite3_bind_double(st, 1, lon - dx);
    sqlite3_bind_double(st, 2, lat - dy);
    sqlite3_bind_double(st, 3, lon + dx);
    sqlite3_bind_double(st, 4, lat + dy);
    g_byte_array_set_size(out, 0);
    while (found < PAGE && sqlite3_step(st) == SQLITE_ROW) {
        GEOSGeometry *other = plane_point(geos, sqlite3_column_double(st, 0), sqlite3_column_double(st, 1));
        double apart = INFINITY;
        GEOSDistance_r(geos, place, other, &apart);
        GEOSGeom_destroy_r(geos, other);
        if (apart <= metres) {
            found++;
            g_byte_array_append(out, sqlite3_column_blob(st, 2), (guint)sqlite3_column_bytes(st, 2));
        }
    }
    sqlite3_reset(st);
    GEOSGeom_destroy_r(geos, place);
    return out->len;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("usage: bench_near DIR POINTS BODY_BYTES METRES SECONDS\n", stderr);
        return 2;
    }
    sqlite3 *db = open_database(argv[1]);
    GEOSContextHandle_t geos = GEOS_init_r();
    g_autoptr(GByteArray) out = g_byte_array_new();
    fill(db, atoi(argv[2]), atoi(argv[3]));
    sqlite3_stmt *st =
        prepare(db, "SELECT p.lon, p.lat, p.body FROM point p WHERE p.eid IN (SELECT eid FROM box WHERE "
                    "x1 >= ?1 AND y1 >= ?2 AND x0 <= ?3 AND y0 <= ?4) ORDER BY p.eid");
    gint64 start = g_get_monotonic_time(), end = start + (gint64)(atof(argv[5]) * 1e6);
    int asked = 0;
    size_t bytes = 0;
    for (; g_get_monotonic_time() < end; asked++) {
        bytes += ask(st, geos, atof(argv[4]), out);
    }
    double seconds = (double)(g_get_monotonic_time() - start) / 1e6;
    printf("%.1f %.0f\n", asked / seconds, (double)bytes / asked);
    return 0;
}
