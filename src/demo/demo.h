/* SPDX-License-Identifier: Apache-2.0 */
/* The demo simulator: plays the devices and the people that the packs' `demo` sections describe. It knows no
 * application: air, drainage and the steps of a case are words in YAML to it. */
#pragma once

#include "hub/hub.h"

/* Section `demo` of the packs, for `zhongshu packs check|explain`; nothing of it runs inside the hub. */
extern const struct feature demo_feature;

/* Loads and checks the packs in dirs (NULL-terminated), as module packs does it. The answer is
 * NULL-terminated and lives as long as the program; NULL with e set (mistakes already printed) when there is
 * none. */
typedef const struct pack *const *demo_loader(const char *const *dirs, struct error *e);

/* `zhongshu demo …`: writes what stands still (streets, devices) over NGSI-LD, then speaks MQTT as all
 * devices would, and works cases over HTTP as the crew, until SIGINT or SIGTERM. Returns the exit status. */
int demo_command(int argc, char **argv, demo_loader *load);
