/* SPDX-License-Identifier: Apache-2.0 */
/* The sections that the packs module owns: pack, types, roles, district. */
#pragma once

#include "hub/hub.h"

extern const struct pack_section packs_sections[];
