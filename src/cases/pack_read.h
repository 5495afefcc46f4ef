/* SPDX-License-Identifier: Apache-2.0 */
/* json_read for the sections of a pack: what it refuses is a mistake with its line. */
#pragma once

#include "hub/hub.h"

bool pack_read(struct pack_report *r, const struct json *object, const struct json_field *fields, void *out);
