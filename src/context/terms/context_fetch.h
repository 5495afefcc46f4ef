/* SPDX-License-Identifier: Apache-2.0 */
/* @contexts of other servers, fetched and kept for as long as they say (ETSI GS CIM 009 V1.9.1, 5.13.1,
 * 6.3.16): one fetch for all that wait for it, bounded in size, time and redirects, failures remembered for a
 * while. */
#pragma once

#include "http/http.h"
#include "store/store.h"

enum context_policy {
    CONTEXTS_HOSTED,        /* nothing is fetched */
    CONTEXTS_FETCH,         /* from the public internet */
    CONTEXTS_FETCH_PRIVATE, /* also from loopback, link-local and private networks */
};
/* "hosted", "fetch", "fetch-private"; false for another word. */
bool context_policy_parse(const char *name, enum context_policy *policy);

void context_fetch_start(enum context_policy policy, struct store *s, struct http_client *client);
void context_fetch_stop(void);

/* May it be fetched at all? */
bool context_fetch_possible(const char *url);
/* Did fetching it fail a moment ago? Then e (ERROR_CONTEXT_UNAVAILABLE) says why. */
bool context_fetch_failed(const char *url, struct error *e);
/* Fetches and keeps it; done is called once, on a thread that may block, e NULL when it is there. False with
 * e set when too many are being fetched; done is then not called. */
bool context_fetch(const char *url, void (*done)(void *user, const struct error *e), void *user,
                   struct error *e);
