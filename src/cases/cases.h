/* SPDX-License-Identifier: Apache-2.0 */
/* Cases: workflows of packs, carried out by people and clocks. */
#pragma once

#include "hub/hub.h"

/* Sections workflows, calendar, categories; routes /api/v1/cases, /api/v1/attachments, /api/v1/workflows,
 * /api/v1/categories. A reader of the log named "cases" opens cases for alarms. */
extern const struct feature cases_feature;
