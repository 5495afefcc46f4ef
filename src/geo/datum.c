/* SPDX-License-Identifier: Apache-2.0 */
/* The datums of Chinese maps: the published approximations of GCJ-02 and BD-09 and their inverses. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "geo/geo.h"

/* Krasovsky 1940, as the published GCJ-02 formulas use it. */
static const double AXIS = 6378245.0;
static const double ECCENTRICITY2 = 0.00669342162296594323;
static const double BAIDU_PI = M_PI * 3000.0 / 180.0;

bool geo_datum_parse(const char *name, enum geo_datum *datum)
{
    static const char *const names[] = {"wgs84", "cgcs2000", "gcj02", "bd09"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (name != NULL && g_ascii_strcasecmp(name, names[i]) == 0) {
            *datum = (enum geo_datum)i;
            return true;
        }
    }
    return false;
}

static bool outside_china(double lon, double lat)
{
    return lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271;
}

/* The waves that both formulas share. */
static double ripple(double x)
{
    return (20.0 * sin(6.0 * x * M_PI) + 20.0 * sin(2.0 * x * M_PI)) * 2.0 / 3.0;
}

static double wave_lat(double x, double y)
{
    return -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(fabs(x)) + ripple(x) +
           (20.0 * sin(y * M_PI) + 40.0 * sin(y / 3.0 * M_PI)) * 2.0 / 3.0 +
           (160.0 * sin(y / 12.0 * M_PI) + 320.0 * sin(y * M_PI / 30.0)) * 2.0 / 3.0;
}

static double wave_lon(double x, double y)
{
    return 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(fabs(x)) + ripple(x) +
           (20.0 * sin(x * M_PI) + 40.0 * sin(x / 3.0 * M_PI)) * 2.0 / 3.0 +
           (150.0 * sin(x / 12.0 * M_PI) + 300.0 * sin(x / 30.0 * M_PI)) * 2.0 / 3.0;
}

static void wgs_to_gcj(double *lon, double *lat)
{
    if (outside_china(*lon, *lat)) {
        return;
    }
    double dlat = wave_lat(*lon - 105.0, *lat - 35.0);
    double dlon = wave_lon(*lon - 105.0, *lat - 35.0);
    double radians = *lat / 180.0 * M_PI;
    double magic = 1 - ECCENTRICITY2 * sin(radians) * sin(radians);
    *lat += dlat * 180.0 / (AXIS * (1 - ECCENTRICITY2) / (magic * sqrt(magic)) * M_PI);
    *lon += dlon * 180.0 / (AXIS / sqrt(magic) * cos(radians) * M_PI);
}

static void gcj_to_bd(double *lon, double *lat)
{
    double z = hypot(*lon, *lat) + 0.00002 * sin(*lat * BAIDU_PI);
    double theta = atan2(*lat, *lon) + 0.000003 * cos(*lon * BAIDU_PI);
    *lon = z * cos(theta) + 0.0065;
    *lat = z * sin(theta) + 0.006;
}

/* Finds where forward() lands on the given position: the shift changes slowly, so subtracting it converges
 * fast. */
static void invert(void (*forward)(double *, double *), double *lon, double *lat)
{
    double x = *lon;
    double y = *lat;
    for (int i = 0; i < 20; i++) {
        double fx = x;
        double fy = y;
        forward(&fx, &fy);
        double ex = fx - *lon;
        double ey = fy - *lat;
        x -= ex;
        y -= ey;
        if (fabs(ex) < 1e-12 && fabs(ey) < 1e-12) {
            break;
        }
    }
    *lon = x;
    *lat = y;
}

void geo_convert(enum geo_datum from, enum geo_datum to, double *lon, double *lat)
{
    enum geo_datum source = from == DATUM_CGCS2000 ? DATUM_WGS84 : from;
    enum geo_datum target = to == DATUM_CGCS2000 ? DATUM_WGS84 : to;
    if (source == target) {
        return;
    }
    if (source == DATUM_BD09) {
        invert(gcj_to_bd, lon, lat);
    }
    if (target == DATUM_WGS84) {
        invert(wgs_to_gcj, lon, lat);
    } else if (source == DATUM_WGS84) {
        wgs_to_gcj(lon, lat);
    }
    if (target == DATUM_BD09) {
        gcj_to_bd(lon, lat);
    }
}
