/* SPDX-License-Identifier: Apache-2.0 */
/* Readings come in: MQTT messages and CSV rows, mapped by the inputs of packs to entities. */
#pragma once

#include "hub/hub.h"

/* Section `inputs`; routes /api/v1/inputs, /api/v1/rejections, /api/v1/imports; the subscriber and the
 * importer. */
extern const struct feature ingest_feature;

/* Loads and checks the packs in dirs (NULL-terminated) for a command that runs without a hub. The answer is
 * NULL-terminated and lives as long as the program; NULL with e set, the mistakes already printed. */
typedef const struct pack *const *pack_loader(const char *const *dirs, struct error *e);

/* `zhongshu import FILE --input NAME (--data DIR [--packs DIR]… | --server URL [--token T])`: a CSV file
 * becomes entities and history. With --data the hub of that directory must not be running; the same command
 * goes on where an interrupted one stopped. Returns the exit status: 0 done, 1 failed, 2 wrong command line,
 * 3 done with rejected rows. */
int import_command(int argc, char **argv, pack_loader *load);

/* `zhongshu replay FILE… --mqtt HOST:PORT --topic TOPIC --time COLUMNS …`: recorded rows are published in the
 * order of their time. Returns the exit status. */
int replay_command(int argc, char **argv);
