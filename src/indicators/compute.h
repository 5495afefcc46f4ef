/* SPDX-License-Identifier: Apache-2.0 */
/* From concentrations to an index: interpolation, the largest, its parts and its level. Pure functions. */
#pragma once

#include "indicators/definition.h"

/* Rounds half to even (GB/T 8170). */
double round_to(double value, int decimals);

/* The sub-index of a value in a column: straight lines between breakpoints, rounded up; beyond the last
 * breakpoint of the column the index of that one; NAN for NAN and below the first. */
double table_lookup(const struct table *t, int column, double value);

/* The values of one day: by hour and part, NAN where there is none. */
struct day_values {
    double hours[24][MAX_PARTS];
};
/* What the part makes of the day: the mean or the largest moving mean, rounded by its decimals; NAN when
 * there are too few hours. */
double day_statistic(const struct part *p, int part, const struct day_values *day);

struct index_result {
    bool valid;
    double value;
    int level; /* 1, 2, …; 0 = beyond all or none defined */
    bool primary[MAX_PARTS];
    bool any_primary;
};
/* The index of the values (NAN = none) by the table in force at that time. */
struct index_result index_compute(const struct index *x, instant at, const double values[MAX_PARTS]);
