/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of `zhongshu serve`, each defined once with its sentence: options, the config file and --help
 * come from one table. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct settings {
    char *data;
    char *listen;
    char *mqtt; /* host:port, NULL = no broker */
    char *mqtt_user;
    char *mqtt_password_file;
    char *auth; /* on | off */
    char **packs;
    char *web;
    char *contexts; /* hosted | fetch | fetch-private */
    char **contexts_dir;
    char *origin;
    char *log_level;
    int threads;
    int write_queue;
    int request_memory; /* MiB */
    int reply_seconds;
    int query_seconds;
    int fsync_delay_us;
};

/* Reads the command line (argv[0] is the command's name) and the --config file that it names; the command
 * line wins. False with e set; prints help and exits for --help. */
bool settings_read(struct settings *s, int argc, char **argv, struct error *e);
void settings_clear(struct settings *s);
