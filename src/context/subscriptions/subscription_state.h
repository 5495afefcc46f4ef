/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/subscriptions: how subscriptions fare, for people: the list, the last attempts, why (not). */
#pragma once

#include "context/space/space.h"
#include "context/subscriptions/notifier_inside.h"
#include "http/http.h"

/* GET /api/v1/subscriptions/{id}/why */
void subscription_why(struct request *r);
/* GET /api/v1/subscriptions/{id}/stream */
void subscription_stream(struct request *r);

/* The space that NGSILD-Tenant names, the default one without it: a new reference. NULL with e set. */
struct space *subscription_space(struct request *r, struct error *e);
bool subscription_unknown(const char *id, struct error *e);
/* A compiled one of one's own, for a thread beside the notifier's. NULL with e set. */
struct subscription *subscription_copy(struct notifier *n, const char *id, struct error *e);
/* The endpoint's URI without user and password. */
const char *subscription_shown_uri(struct arena *a, const struct subscription *s);
