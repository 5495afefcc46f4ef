/* SPDX-License-Identifier: Apache-2.0 */
/* Playing a world to a hub: what stands still over NGSI-LD, the devices' messages over MQTT. */
#pragma once

#include <stdbool.h>

#include "demo/world.h"

struct play_options {
    const char *mqtt_host;
    int mqtt_port;
    const char *mqtt_user, *mqtt_password; /* or NULL */
    const char *server;                    /* "http://127.0.0.1:8080"; NULL = write no entities */
    const char *user, *password;           /* the hub's account, or NULL */
    const char *token;                     /* else a bearer token, or NULL */
    double speed;                          /* of the past: 0 = coarse and as fast as it is taken */
    int64_t history;                       /* how much of the past is played first */
    int64_t duration;                      /* how long the present is played; 0 = until a signal */
};

/* Blocks SIGINT and SIGTERM in this and all later threads, so that play_wait hears them. Before any thread is
 * made. */
void play_block_signals(void);
/* Waits; false at once when one of the two signals has come (then and ever after). */
bool play_wait(int64_t microseconds);

/* Writes all entities of the world (areas, devices, pipes) to the hub, in batches, waiting up to a minute for
 * it to answer. True also when a signal ended it early. */
bool play_entities(const struct world *w, const struct play_options *o, struct error *e);
/* Publishes the past, then the present second by second, until the duration or a signal ends it. */
bool play_messages(const struct world *w, const struct play_options *o, struct error *e);

/* Is a message of d due in this second of the epoch, at one message in every `every`? Each device has a phase
 * of its own. */
bool play_due(const struct device *d, int64_t every, int64_t second);
