/* SPDX-License-Identifier: Apache-2.0 */
/* What clients say of snapshots, checked. */
#pragma once

#include "context/call/api.h"

enum snapshot_purpose { SNAPSHOT_CREATING, SNAPSHOT_CLONING, SNAPSHOT_UPDATING };

/* The body of a request, all that it says checked; what an update takes away stands there as null or as the
 * NGSI-LD Null. NULL with e set. */
const struct json *snapshot_read(struct call *c, enum snapshot_purpose purpose, struct error *e);
/* The time that a description asks for, at most LIMIT_SNAPSHOT_DAYS; a day when it asks for none. */
int64_t snapshot_lifetime(const struct json *kept);
