/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of numbers, each with an item: which of them hold a number? An array sorted by the lower ends with
 * the highest upper end of each subtree (an implicit interval tree), and a short tail of those that came
 * since. */
#pragma once

#include <stdbool.h>

struct ranges;
struct ranges *ranges_new(void);
void ranges_free(struct ranges *r); /* NULL is fine */
void ranges_add(struct ranges *r, double low, double high, void *item);
/* low and high as they were added. */
void ranges_remove(struct ranges *r, double low, double high, void *item);
/* Calls each for every item with low <= at <= high. */
void ranges_find(struct ranges *r, double at, void (*each)(void *user, void *item), void *user);
