/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of rules and alarms. */
#pragma once

#include "hub/hub.h"
#include "rules/alarm_list.h"

extern const struct route rules_routes[];
/* Lets the handlers find the hub and the index of alarms, which outlive the server. */
void rules_api_bind(struct hub *h, struct alarm_index *index);
