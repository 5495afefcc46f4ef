/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses belong to the public internet. */
#include "http/address.h"

#include <glib.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct block4 {
    uint8_t bytes[4];
    int bits;
};
static const struct block4 closed4[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

static bool in_block(const uint8_t *address, const uint8_t *block, int bits)
{
    int bytes = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return memcmp(address, block, (size_t)bytes) == 0 &&
           (rest == 0 || (address[bytes] & mask) == (block[bytes] & mask));
}

static bool is_public4(const uint8_t *address)
{
    for (size_t i = 0; i < G_N_ELEMENTS(closed4); i++) {
        if (in_block(address, closed4[i].bytes, closed4[i].bits)) {
            return false;
        }
    }
    return true;
}

static bool is_public6(const uint8_t *a)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t translated[12] = {0, 0x64, 0xff, 0x9b};
    static const uint8_t documentation[4] = {0x20, 0x01, 0x0d, 0xb8};
    static const uint8_t special[3] = {0x20, 0x01, 0x00};
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, translated, 12) == 0) {
        return is_public4(a + 12);
    }
    if (a[0] == 0x20 && a[1] == 0x02) { /* 6to4 */
        return is_public4(a + 2);
    }
    /* only 2000::/3 is given out; 2001::/23 has special purposes */
    return (a[0] & 0xe0) == 0x20 && memcmp(a, documentation, 4) != 0 && !in_block(a, special, 23);
}

bool address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        return is_public4((const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    }
    return address->sa_family == AF_INET6 &&
           is_public6((const uint8_t *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}
