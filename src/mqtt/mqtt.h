/* SPDX-License-Identifier: Apache-2.0 */
/* An MQTT client (3.1.1 and 5.0) whose acknowledgements wait for their owner: what is acknowledged has been
 * committed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mqtt_client;

enum mqtt_version { MQTT_3_1_1, MQTT_5 };

/* A message as it came; pointers hold during the callback only. */
struct mqtt_message {
    const char *topic; /* NUL-terminated, valid UTF-8 */
    const char *payload;
    size_t length;
    int qos;
    bool retained;
    bool duplicate;
    uint64_t token; /* for mqtt_ack; 0 at QoS 0 */
};

struct mqtt_options {
    enum mqtt_version version;
    bool tls; /* the broker must have a certificate that the system trusts (or SSL_CERT_FILE) */
    const char *host;
    int port;
    const char *client_id; /* required for a persistent session */
    const char *user_name; /* or NULL */
    const char *password;
    bool clean_session;
    uint32_t session_s;        /* 5.0: how long the broker keeps the session after the connection has ended */
    int keep_alive_s;          /* 0 = 30 */
    const char *const *topics; /* filters to subscribe to at QoS 1, NULL-terminated; may be NULL */
    /* All callbacks come on the client's own thread. */
    void (*on_message)(void *user, const struct mqtt_message *m);
    /* A message over LIMIT_MQTT_PACKET, which was not read: payload is empty, length is the packet's. To be
     * acknowledged like any other. NULL = such messages are acknowledged and dropped. */
    void (*on_oversize)(void *user, const struct mqtt_message *m);
    /* Called after each read from the socket was dealt with: the moment to submit what on_message gathered.
     */
    void (*on_idle)(void *user);
    /* connected and why not (reason, English) — also the first time. */
    void (*on_state)(void *user, bool connected, const char *reason);
    void *user;
};

/* Starts a thread that connects, and connects again with back-off (0.1 to 10 s) for ever. Copies the options.
 */
struct mqtt_client *mqtt_client_new(const struct mqtt_options *options);
/* Disconnects and frees; NULL is fine. No callback after it returns. */
void mqtt_client_free(struct mqtt_client *c);

/* Acknowledges messages (tokens as they came), from any thread. A token of an earlier connection is dropped:
 * the broker sends that message again. */
void mqtt_ack(struct mqtt_client *c, const uint64_t *tokens, int count);
/* Stops reading from the socket (back-pressure), or goes on. */
void mqtt_pause(struct mqtt_client *c, bool pause);

/* Sends a message at QoS 0, 1 or 2; blocks while limit (1,000, or what the broker says) unacknowledged
 * messages above QoS 0 are out or while not connected, at most timeout_ms. One that was not acknowledged is
 * sent again after a reconnect. */
bool mqtt_publish(struct mqtt_client *c, const char *topic, const char *payload, size_t length, int qos,
                  bool retain, int timeout_ms, struct error *e);
/* The same, and waits until the broker has answered for this message (QoS 1: PUBACK, QoS 2: PUBCOMP). False
 * when it refused it or did not answer in time. */
bool mqtt_deliver(struct mqtt_client *c, const char *topic, const char *payload, size_t length, int qos,
                  bool retain, int timeout_ms, struct error *e);
/* Waits until all messages above QoS 0 published so far are acknowledged. */
bool mqtt_flush(struct mqtt_client *c, int timeout_ms, struct error *e);
bool mqtt_connected(struct mqtt_client *c);

/* Does a filter ("zs/+/x", "a/#") match a topic? MQTT 3.1.1, 4.7. */
bool mqtt_topic_matches(const char *filter, const char *topic);
