/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of tiles (C2SP tlog-tiles). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tile_address {
    bool entries; /* an entry bundle; level is 0 */
    int level;
    uint64_t n;
    int width; /* hashes or entries wanted: 256, or fewer of a partial tile */
};
/* Reads "0/x001/234", "1/005.p/12", "entries/000.p/7". False for anything else, leading zeroes included. */
bool tile_path_parse(const char *path, struct tile_address *out);
