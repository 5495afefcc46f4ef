/* SPDX-License-Identifier: Apache-2.0 */
/* What client.c and publish.c share of a client. */
#pragma once

#include <glib.h>

#include "base/counters.h"
#include "mqtt/mqtt.h"
#include "mqtt/packet.h"

enum { MAX_IN_FLIGHT = 1000, MAX_OUT = 8 << 20 };

enum mqtt_counter {
    MQTT_RECEIVED,
    MQTT_ACKNOWLEDGED,
    MQTT_PUBLISHED,
    MQTT_SENT_AGAIN,
    MQTT_DROPPED,
    MQTT_CONNECTIONS,
    MQTT_COUNTERS
};
extern struct counter mqtt_counters[MQTT_COUNTERS];

/* A QoS 1 message that the broker has not acknowledged. */
struct outgoing {
    uint64_t number; /* of all published */
    uint16_t id;
    GBytes *packet;
};

struct mqtt_client {
    struct mqtt_options options; /* texts are ours */
    GThread *thread;
    int wake_fd;

    GMutex lock; /* of all down to free_ids */
    GCond changed;
    GByteArray *out; /* packets to write */
    bool woken, stopping, paused, connected;
    uint64_t generation; /* of the connection; tokens carry it */
    uint64_t published;
    GQueue in_flight; /* of struct outgoing, in order */
    GList *by_id[MAX_IN_FLIGHT + 1];
    uint16_t free_ids[MAX_IN_FLIGHT];
    int free_count;

    /* of the thread alone */
    int fd;
    uint8_t *in;
    size_t used, capacity;
    size_t skip; /* bytes of a packet too large that are still to come */
    GByteArray *sending;
    size_t sent;
    bool session_open;                              /* CONNACK and SUBACK have come */
    gint64 begun, last_sent, last_received, pinged; /* monotonic; pinged 0 = no PINGREQ is out */
    char reason[200];                               /* why the connection ended */
    bool told_any;
    char told[200]; /* what on_state was told last; "" = connected */
};

/* Makes the thread look at out, paused and stopping. Under the lock. */
void client_wake(struct mqtt_client *c);

void publish_init(struct mqtt_client *c);
void publish_clear(struct mqtt_client *c);
/* A PUBACK has come. Under the lock. */
void publish_acknowledged(struct mqtt_client *c, uint16_t id);
/* Puts all that is not acknowledged into out again. Under the lock. */
void publish_again(struct mqtt_client *c);
