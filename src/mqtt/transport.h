/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of bytes to a broker: TCP, or TLS over it (OpenSSL). Never blocks but while it opens. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TRANSPORT_REASON = 200 };

struct transport {
    int fd;                        /* -1 = closed */
    void *ssl;                     /* SSL; NULL = plain TCP */
    char reason[TRANSPORT_REASON]; /* why the last call failed, English */
};

/* Connects, for at most some seconds; gives up when stopping says so. With tls the broker's certificate must
 * be valid for host and signed by one that the system trusts. */
bool transport_open(struct transport *t, const char *host, int port, bool tls, bool (*stopping)(void *user),
                    void *user);
void transport_close(struct transport *t);
/* How many bytes were read or written; 0 = none now; -1 = the stream has ended. */
ssize_t transport_read(struct transport *t, uint8_t *data, size_t size);
ssize_t transport_write(struct transport *t, const uint8_t *data, size_t size);
/* True when bytes have been received that poll does not know of. */
bool transport_pending(const struct transport *t);
