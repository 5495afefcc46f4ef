/* SPDX-License-Identifier: Apache-2.0 */
/* Which subscriptions a change may concern, found without looking at the others.
 *
 * Each subscription stands under the most selective thing that all its matches have: an id; else a type with
 * a text or a range that q asks of one attribute; else a type with a watched attribute; else its types; else
 * nothing. The answer holds all that match and some that do not. */
#pragma once

#include "context/subscriptions/subscription.h"

struct subscription_index;
struct subscription_index *subscription_index_new(void);
void subscription_index_free(struct subscription_index *x); /* NULL is fine */
/* item stands for the subscription, which must stay as it is until it is removed. */
void subscription_index_add(struct subscription_index *x, const struct subscription *s, void *item);
void subscription_index_remove(struct subscription_index *x, const struct subscription *s, void *item);

/* The entity's current state, for values that the record does not bring: read at most once a record, and not
 * for those that are remembered. NULL when it is gone. */
typedef const struct json *(*subscription_index_reader)(void *user, const char *id);
/* Calls each for every item that the record may concern; perhaps more than once. Records must come in the
 * order of the log: values are remembered from one to the next. */
void subscription_index_find(struct subscription_index *x, const struct json *record,
                             subscription_index_reader read, void *reader,
                             void (*each)(void *user, void *item), void *user);
