/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of subscriptions share: subscription_parse.c, subscription_notification.c. */
#pragma once

#include "context/subscriptions/subscription.h"

#define refuse(e, en, zh, ...) error_set(e, ERROR_BAD_REQUEST_DATA, en, zh, ##__VA_ARGS__)

/* A boolean member. */
bool subscription_read_flag(const struct json *object, const char *name, bool otherwise, bool *value,
                            struct error *e);
/* An array of names, not empty, as stored; *names NULL when it is absent. */
bool subscription_read_names(struct subscription *s, const struct json *object, const char *member,
                             const char *const **names, struct error *e);
/* The member "notification" (5.2.14, 5.2.15, 7.2). */
bool subscription_read_notification(struct subscription *s, struct error *e);
