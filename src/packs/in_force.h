/* SPDX-License-Identifier: Apache-2.0 */
/* What the routes of the packs module serve. */
#pragma once

#include "http/http.h"

extern const struct route packs_routes[];

/* The body of GET /api/v1/packs. The caller frees. */
char *packs_in_force(void);
/* The body of GET /api/v1/model and its entity tag. The caller frees both. */
char *packs_model(char **tag);
