/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the hub, one at a time, each awaited. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "json/json.h"

/* Used by one thread; caller_stop comes from any other. */
struct caller;
struct caller *caller_new(const char *server); /* "http://127.0.0.1:8080" */
void caller_free(struct caller *c);
/* The request that runs and all later ones end at once with status 0. */
void caller_stop(struct caller *c);

struct call {
    const char *method, *path;
    const char *token;  /* bearer token, or NULL */
    const char *header; /* one more "Name: value", or NULL */
    const char *type;   /* of the body, or NULL */
    const char *body;   /* or NULL */
    size_t length;
};
/* The status of the answer, 0 when none came. */
int caller_send(struct caller *c, const struct call *call);
/* The same with a JSON body. */
int caller_post(struct caller *c, const char *path, const char *token, const char *header,
                const struct json *body);
/* Of the last answer: its first 64 KiB, or why there was none. Valid until the next request. */
const char *caller_text(const struct caller *c);
/* The last answer as JSON; NULL when it is none. */
struct json *caller_json(const struct caller *c, struct arena *a);
/* Signs in; *token (of the arena) is untouched unless the status is 201. */
int caller_sign_in(struct caller *c, struct arena *a, const char *name, const char *password,
                   const char **token);
