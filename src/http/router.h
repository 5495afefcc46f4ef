/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the route of a path: a tree of segments, literal before {param} before {rest*}. */
#pragma once

#include <glib.h>

#include "http/http.h"

enum { MAX_PATH_PARAMS = 8 };

struct router;
struct router *router_new(void);
void router_free(struct router *router);
/* The route's table must outlive the router. The same method and path twice is a programming error. */
void router_add(struct router *router, const struct route *route);
/* All routes, in order of path, then method. */
const GPtrArray *router_routes(struct router *router);

struct route_match {
    const struct route *route; /* NULL: the path is known, the method is not */
    const char *allow;         /* the methods of the path, "GET, HEAD, OPTIONS"; NULL: no such path */
    int count;
    struct {
        const char *name; /* not terminated: name_length */
        size_t name_length;
        const char *value; /* decoded, in the arena */
    } params[MAX_PATH_PARAMS];
};
/* path is raw (still percent-encoded), so that an encoded slash stays inside its segment. False with e set
 * when a parameter cannot be decoded. HEAD finds GET. One slash at the end is overlooked. */
bool router_find(struct router *router, struct arena *a, const char *method, const char *path,
                 struct route_match *match, struct error *e);
