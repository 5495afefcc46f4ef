/* SPDX-License-Identifier: Apache-2.0 */
/* Derived attributes: indexes such as the AQI, computed from the change log by the tables of packs and
 * written to the entities that the readings belong to. docs/packs/indexes.md is the manual of the sections.
 */
#pragma once

#include "hub/hub.h"

/* Sections `tables` and `indexes`. */
extern const struct feature indicators_feature;
