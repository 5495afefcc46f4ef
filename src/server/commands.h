/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the program; each returns its exit code. */
#pragma once

#include "hub/hub.h"

/* All features, in the order in which they start; NULL-terminated. */
extern const struct feature *const server_features[];

int serve_command(int argc, char **argv);
int user_command(int argc, char **argv);
int verify_command(int argc, char **argv);
int backup_command(int argc, char **argv);
int compact_command(int argc, char **argv);
int restore_command(int argc, char **argv);
int routes_command(int argc, char **argv);
int packs_command_here(int argc, char **argv);
int demo_command_here(int argc, char **argv);
int import_command_here(int argc, char **argv);

/* Adds every route table of the program. */
void server_routes(struct http_server *s);
/* /healthz, /metrics, /api/v1/openapi.json; hub is kept for them. */
extern const struct route health_routes[];
void health_bind(struct hub *h);
/* Prints an error in the language of LANG and returns the exit code 1. */
int command_failed(const struct error *e);
