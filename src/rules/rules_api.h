/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of rules and alarms. */
#pragma once

#include "hub/hub.h"

extern const struct route rules_routes[];
/* Lets the handlers find the hub. */
void rules_api_bind(struct hub *h);
