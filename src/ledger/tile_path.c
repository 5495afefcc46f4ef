/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the addresses of tiles. */
#include "ledger/tile_path.h"

#include <glib.h>
#include <string.h>

#include "ledger/tree.h"

enum { MAX_LEVEL = 63, MAX_GROUPS = 5 };

/* A number of 1 to 3 digits without leading zeroes. */
static bool small_number(const char **p, int *value)
{
    const char *from = *p;
    *value = 0;
    for (; g_ascii_isdigit(**p) && *p - from < 3; (*p)++) {
        *value = *value * 10 + (**p - '0');
    }
    return *p > from && (from[0] != '0' || *p - from == 1);
}

/* "x001/x234/067" */
static bool index_number(const char **p, uint64_t *n)
{
    *n = 0;
    for (int group = 0; group < MAX_GROUPS; group++) {
        bool more = **p == 'x';
        const char *digits = *p + more;
        for (int i = 0; i < 3; i++) {
            if (!g_ascii_isdigit(digits[i])) {
                return false;
            }
            *n = *n * 10 + (uint64_t)(digits[i] - '0');
        }
        *p = digits + 3;
        if (!more) {
            return true;
        }
        if (**p != '/' || *n == 0) { /* no group of zeroes in front */
            return false;
        }
        (*p)++;
    }
    return false;
}

bool tile_path_parse(const char *path, struct tile_address *out)
{
    const char *p = path;
    *out = (struct tile_address){.width = TILE_WIDTH, .entries = g_str_has_prefix(path, "entries/")};
    if (out->entries) {
        p += strlen("entries");
    } else if (!small_number(&p, &out->level) || out->level > MAX_LEVEL) {
        return false;
    }
    if (*p++ != '/' || !index_number(&p, &out->n)) {
        return false;
    }
    if (g_str_has_prefix(p, ".p/")) {
        p += strlen(".p/");
        if (!small_number(&p, &out->width) || out->width < 1 || out->width >= TILE_WIDTH) {
            return false;
        }
    }
    return *p == '\0';
}
