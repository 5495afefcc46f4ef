/* SPDX-License-Identifier: Apache-2.0 */
/* What the interface needs to know of the loaded packs, as one JSON document. */
#pragma once

#include "hub/hub.h"

/* {types, rules, workflows, packs, synthetic, district, centre, zoom}, in the arena. packs as feature->load
 * gets them. */
struct json *model_build(struct arena *a, const struct pack *const *packs);
