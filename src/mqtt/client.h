/* SPDX-License-Identifier: Apache-2.0 */
/* What client.c and publish.c share of a client. */
#pragma once

#include <glib.h>

#include "base/counters.h"
#include "mqtt/mqtt.h"
#include "mqtt/packet.h"
#include "mqtt/transport.h"

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

/* Waits for the broker's answer to one message. Under the lock. */
struct receipt {
    bool done;
    uint8_t code; /* of 5.0: 0x80 and above = refused */
};

/* A message above QoS 0 that the broker has not acknowledged.
 *
 *   QoS 1:  PUBLISH -----------------------------> PUBACK: gone
 *   QoS 2:  PUBLISH ---> PUBREC: released, PUBREL ---> PUBCOMP: gone */
struct outgoing {
    uint64_t number; /* of all published */
    uint16_t id;
    bool released;
    GBytes *packet;
    struct receipt *receipt; /* who waits for it, or NULL */
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
    int window; /* how many the broker takes before it acknowledges */
    int qos_maximum;
    char trouble[200]; /* why the last attempt to connect failed; "" while connected or before the first */

    /* of the thread alone */
    struct transport transport;
    uint8_t *in;
    size_t used, capacity;
    size_t skip; /* bytes of a packet too large that are still to come */
    GByteArray *sending;
    size_t sent;
    bool session_kept;                              /* CONNACK said so */
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
/* A PUBACK, PUBREC or PUBCOMP has come. Under the lock. */
void publish_receipt(struct mqtt_client *c, const struct packet *p);
/* Puts all that is not acknowledged into out again; session: the broker remembers what it has received. Under
 * the lock. */
void publish_again(struct mqtt_client *c, bool session);
