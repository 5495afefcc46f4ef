/* SPDX-License-Identifier: Apache-2.0 */
/* The rules: what packs call wrong becomes Alarm entities. Reads the change log, writes entities;
 * docs/packs/rules.md is the manual of the section. */
#pragma once

#include "hub/hub.h"

/* Section `rules`; routes /api/v1/rules and /api/v1/alarms. */
extern const struct feature rules_feature;
