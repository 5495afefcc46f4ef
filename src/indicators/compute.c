/* SPDX-License-Identifier: Apache-2.0 */
/* Piecewise-linear indexes as HJ 633 has them. */
#include "indicators/compute.h"

#include <math.h>

/* Sums of decimal fractions are off by a few units in the last place: what is this close to a whole number
 * (or to a half) is one. */
#define SLACK 1e-9

double round_to(double value, int decimals)
{
    double scale = pow(10, decimals), scaled = value * scale, floor_part = floor(scaled);
    double rest = scaled - floor_part;
    if (fabs(rest - 0.5) < SLACK * fmax(1, fabs(scaled))) {
        return (fmod(floor_part, 2) == 0 ? floor_part : floor_part + 1) / scale;
    }
    return floor(scaled + 0.5) / scale;
}

static double cell(const struct table *t, int row, int column)
{
    return t->cells[row * t->columns_count + column];
}

double table_lookup(const struct table *t, int column, double value)
{
    if (isnan(value) || value < cell(t, 0, column)) {
        return NAN;
    }
    for (int row = 1; row < t->rows_count && !isnan(cell(t, row, column)); row++) {
        double low = cell(t, row - 1, column), high = cell(t, row, column);
        if (value <= high) {
            double from = cell(t, row - 1, 0), to = cell(t, row, 0);
            return ceil(from + (to - from) * (value - low) / (high - low) - SLACK);
        }
    }
    int last = t->rows_count - 1;
    while (last > 0 && isnan(cell(t, last, column))) {
        last--;
    }
    return cell(t, last, 0);
}

/* Mean over the hours first..last of a part; NAN with fewer than at_least values. */
static double mean_of(const struct day_values *day, int part, int first, int last, int at_least)
{
    double sum = 0;
    int count = 0;
    for (int h = first; h <= last; h++) {
        if (!isnan(day->hours[h][part])) {
            sum += day->hours[h][part];
            count++;
        }
    }
    return count >= at_least && count > 0 ? sum / count : NAN;
}

static double largest_moving(const struct part *p, int part, const struct day_values *day)
{
    double largest = NAN;
    int windows = 0;
    for (int label = p->first; label <= p->last; label++) {
        double mean = mean_of(day, part, label - p->span + 1, label, p->at_least);
        if (!isnan(mean)) {
            windows++;
            largest = isnan(largest) ? mean : fmax(largest, mean);
        }
    }
    largest = isnan(largest) ? NAN : round_to(largest, p->decimals);
    return windows >= p->windows || largest > p->unless_above ? largest : NAN;
}

double day_statistic(const struct part *p, int part, const struct day_values *day)
{
    if (p->statistic == STATISTIC_MOVING) {
        return largest_moving(p, part, day);
    }
    double mean = mean_of(day, part, 0, 23, p->at_least);
    return isnan(mean) ? NAN : round_to(mean, p->decimals);
}

static const struct period *period_at(const struct index *x, instant at)
{
    const struct period *p = x->periods;
    while (p < x->periods + x->periods_count - 1 && at >= p->until) {
        p++;
    }
    return p;
}

static int level_of(const struct index *x, double value)
{
    for (int i = 0; i < x->levels_count; i++) {
        if (value <= x->levels[i].to) {
            return i + 1;
        }
    }
    return 0;
}

struct index_result index_compute(const struct index *x, instant at, const double values[MAX_PARTS])
{
    const struct period *period = period_at(x, at);
    struct index_result result = {0};
    double sub[MAX_PARTS];
    int count = 0;
    for (int i = 0; i < x->parts_count; i++) {
        double value = isnan(values[i]) ? NAN : round_to(values[i], x->parts[i].decimals);
        sub[i] = table_lookup(period->table, period->columns[i], value);
        if (!isnan(sub[i])) {
            result.value = count++ == 0 ? sub[i] : fmax(result.value, sub[i]);
        }
    }
    result.valid = count >= x->at_least;
    for (int i = 0; i < x->parts_count && result.value > x->primary_above; i++) {
        result.primary[i] = sub[i] == result.value;
        result.any_primary = result.any_primary || result.primary[i];
    }
    result.level = level_of(x, result.value);
    return result;
}
