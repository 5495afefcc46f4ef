/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what is a public address. */
#include "http/address.h"

#include <arpa/inet.h>
#include <glib.h>

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return address_is_public((const struct sockaddr *)&v4);
    }
    g_assert_cmpint(inet_pton(AF_INET6, text, &v6.sin6_addr), ==, 1);
    return address_is_public((const struct sockaddr *)&v6);
}

static void test_addresses(void)
{
    static const char *const open[] = {"8.8.8.8",         "1.1.1.1",         "172.32.0.1",
                                       "172.15.255.255",  "100.128.0.1",     "223.255.255.255",
                                       "2606:4700::1111", "::ffff:8.8.8.8",  "64:ff9b::808:808",
                                       "2400:3200::1",    "2002:808:808::1", "11.0.0.1"};
    static const char *const closed[] = {"127.0.0.1",
                                         "127.255.0.9",
                                         "10.1.2.3",
                                         "172.16.0.1",
                                         "172.31.255.255",
                                         "192.168.1.1",
                                         "169.254.169.254",
                                         "0.0.0.0",
                                         "100.64.0.1",
                                         "198.19.0.1",
                                         "224.0.0.1",
                                         "255.255.255.255",
                                         "::1",
                                         "::",
                                         "fe80::1",
                                         "fc00::1",
                                         "fd12::1",
                                         "ff02::1",
                                         "::ffff:127.0.0.1",
                                         "::ffff:10.0.0.1",
                                         "64:ff9b::a00:1",
                                         "2002:7f00:1::",
                                         "2001:db8::1",
                                         "::127.0.0.1",
                                         "2001::1",
                                         "192.0.2.7",
                                         "203.0.113.9"};
    for (size_t i = 0; i < G_N_ELEMENTS(open); i++) {
        g_test_message("%s", open[i]);
        g_assert_true(is_public(open[i]));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(closed); i++) {
        g_test_message("%s", closed[i]);
        g_assert_false(is_public(closed[i]));
    }
    const struct sockaddr local = {.sa_family = AF_UNIX};
    g_assert_false(address_is_public(&local));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/addresses", test_addresses);
    return g_test_run();
}
