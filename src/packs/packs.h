/* SPDX-License-Identifier: Apache-2.0 */
/* Packs: folders of YAML loaded, checked, handed to the features, watched, and loaded anew when they change.
 */
#pragma once

#include "hub/hub.h"

/* Sections pack, types, roles, district; routes /api/v1/model, /api/v1/packs. Its start() watches the
 * folders. */
extern const struct feature packs_feature;

/* Reads the packs of h->pack_dirs, checks them, and calls load of each feature of h->features. Before any
 * feature's start. A set with mistakes is refused: each is logged, e names the first. */
bool packs_open(struct hub *h, struct error *e);
/* Frees the set; after every feature's stop. */
void packs_close(void);
/* Reads the folders again and puts the new set in force when it has no mistakes; called by the watch and by
 * POST /api/v1/packs/reload. On failure the old set stays in force, and the mistakes are served at GET
 * /api/v1/packs. */
bool packs_reload(struct error *e);

/* Packs for commands that run without a hub. NULL with e set when there are mistakes, which go to standard
 * error. */
struct pack_set;
struct pack_set *packs_read(const char *const *dirs, const struct feature *const *features, struct error *e);
const struct pack *const *pack_set_packs(const struct pack_set *s);
void pack_set_free(struct pack_set *s);

/* `zhongshu packs check|list|explain [DIR…] [--lang zh|en]`; argv[0] is "packs". Without DIR: ./packs.
 * Returns the exit code: 1 when there is any mistake, 2 for a wrong command line. */
int packs_command(int argc, char **argv, const struct feature *const *features);
