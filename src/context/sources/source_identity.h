/* SPDX-License-Identifier: Apache-2.0 */
/* Who this hub is among context sources (ETSI GS CIM 009 V1.9.1, 5.2.40, 5.15.1). */
#pragma once

#include "context/space/space.h"

/* Reads the hub's own id from the default store, or makes one: it stays the same for ever. */
bool source_identity_start(struct store *s, struct error *e);
/* The pseudonym of a space for Via headers and contextSourceAlias, in a: the default space and each tenant
 * has its own. */
const char *source_alias(struct arena *a, const struct space *space);
