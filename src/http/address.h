/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses belong to the public internet. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* False for loopback, link-local, private, shared, multicast and reserved addresses (IANA special-purpose
 * registries), also inside IPv6 forms of IPv4 addresses, and for what is no IP address. */
bool address_is_public(const struct sockaddr *address);
