/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a forwarded request (6.3.18, 6.3.19). */
#pragma once

#include "context/sources/forward.h"

/* "Name: value", NULL-terminated; g_strfreev it. */
char **forward_headers(struct gather *g, const struct forward *f);
