/* SPDX-License-Identifier: Apache-2.0 */
/* The member "history" of a type: how long its points and their hourly and daily figures are kept. */
#pragma once

#include "hub/hub.h"

/* Reports every mistake in it; NULL is fine. */
void check_history(struct pack_report *r, const char *type, const struct json *history);
/* Hands what all packs declare to the store. They have been checked. */
void declare_histories(struct store *s, const struct pack *const *packs);
