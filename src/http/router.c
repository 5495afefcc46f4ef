/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of path segments. */
#include "http/router.h"

#include <string.h>

#include "http/decode.h"

struct node {
    char *segment;       /* literal text; NULL for the others */
    GPtrArray *literals; /* of struct node */
    struct node *param;
    struct node *rest;
    GPtrArray *routes; /* of const struct route, that end here */
    char *allow;
};

struct router {
    struct node *root;
    GPtrArray *routes;
    bool sorted;
};

static void node_free(struct node *n)
{
    if (n != NULL) {
        g_ptr_array_unref(n->literals);
        node_free(n->param);
        node_free(n->rest);
        g_ptr_array_unref(n->routes);
        g_free(n->allow);
        g_free(n->segment);
        g_free(n);
    }
}

static struct node *node_new(const char *segment, size_t length)
{
    struct node *n = g_new0(struct node, 1);
    n->segment = segment != NULL ? g_strndup(segment, length) : NULL;
    n->literals = g_ptr_array_new_with_free_func((GDestroyNotify)node_free);
    n->routes = g_ptr_array_new();
    return n;
}

struct router *router_new(void)
{
    struct router *r = g_new0(struct router, 1);
    r->root = node_new(NULL, 0);
    r->routes = g_ptr_array_new();
    return r;
}

void router_free(struct router *router)
{
    node_free(router->root);
    g_ptr_array_unref(router->routes);
    g_free(router);
}

static struct node *literal_child(const struct node *n, const char *segment, size_t length)
{
    for (guint i = 0; i < n->literals->len; i++) {
        struct node *child = n->literals->pdata[i];
        if (strncmp(child->segment, segment, length) == 0 && child->segment[length] == '\0') {
            return child;
        }
    }
    return NULL;
}

/* The child for one segment of a route's path, made when it is new. */
static struct node *child_for(struct node *n, const char *segment, size_t length)
{
    if (segment[0] == '{') {
        struct node **place = segment[length - 2] == '*' ? &n->rest : &n->param;
        if (*place == NULL) {
            *place = node_new(NULL, 0);
        }
        return *place;
    }
    struct node *child = literal_child(n, segment, length);
    if (child == NULL) {
        child = node_new(segment, length);
        g_ptr_array_add(n->literals, child);
    }
    return child;
}

static const struct route *route_for(const struct node *n, const char *method)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (guint i = 0; i < n->routes->len; i++) {
        const struct route *route = n->routes->pdata[i];
        if (strcmp(route->method, wanted) == 0) {
            return route;
        }
    }
    return NULL;
}

static char *allow_of(const struct node *n)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < n->routes->len; i++) {
        const struct route *route = n->routes->pdata[i];
        g_string_append_printf(text, "%s, ", route->method);
    }
    if (route_for(n, "GET") != NULL) {
        g_string_append(text, "HEAD, ");
    }
    g_string_append(text, "OPTIONS");
    return g_string_free(text, FALSE);
}

void router_add(struct router *router, const struct route *route)
{
    struct node *n = router->root;
    g_assert(route->path[0] == '/');
    for (const char *p = route->path; *p == '/' && p[1] != '\0';) {
        size_t length = strcspn(p + 1, "/");
        n = child_for(n, p + 1, length);
        p += 1 + length;
    }
    if (route_for(n, route->method) != NULL) {
        g_error("two routes %s %s", route->method, route->path);
    }
    g_ptr_array_add(n->routes, (void *)route);
    g_free(n->allow);
    n->allow = allow_of(n);
    g_ptr_array_add(router->routes, (void *)route);
    router->sorted = false;
}

static int by_path(const void *a, const void *b)
{
    const struct route *x = *(const struct route *const *)a;
    const struct route *y = *(const struct route *const *)b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : strcmp(x->method, y->method);
}

const GPtrArray *router_routes(struct router *router)
{
    if (!router->sorted) {
        g_ptr_array_sort(router->routes, by_path);
        router->sorted = true;
    }
    return router->routes;
}

/* The node where path ends; one that has the method before one that has not (kept in *other). */
static const struct node *find(const struct node *n, const char *path, const char *method,
                               const struct node **other)
{
    if (path[0] == '\0' || (path[0] == '/' && path[1] == '\0')) {
        if (n->routes->len == 0) {
            return NULL;
        }
        if (route_for(n, method) != NULL) {
            return n;
        }
        *other = *other != NULL ? *other : n;
        return NULL;
    }
    size_t length = strcspn(path + 1, "/");
    const struct node *child = literal_child(n, path + 1, length);
    const struct node *found = child != NULL ? find(child, path + 1 + length, method, other) : NULL;
    if (found == NULL && n->param != NULL && length > 0) {
        found = find(n->param, path + 1 + length, method, other);
    }
    if (found == NULL && n->rest != NULL) {
        found = find(n->rest, "", method, other);
    }
    return found;
}

static bool bind(struct arena *a, const struct route *route, const char *path, struct route_match *match,
                 struct error *e)
{
    for (const char *p = route->path, *q = path; *p == '/' && p[1] != '\0';) {
        size_t length = strcspn(p + 1, "/");
        size_t given = strcspn(q + 1, "/");
        if (p[1] == '{') {
            bool rest = p[length - 1] == '*';
            size_t name_length = length - 2 - rest;
            given = rest ? strlen(q + 1) : given;
            g_assert(match->count < MAX_PATH_PARAMS);
            match->params[match->count].name = p + 2;
            match->params[match->count].name_length = name_length;
            match->params[match->count].value = decode_text(a, q + 1, given, false, e);
            if (match->params[match->count++].value == NULL) {
                return false;
            }
        }
        p += 1 + length;
        q += 1 + given;
    }
    return true;
}

bool router_find(struct router *router, struct arena *a, const char *method, const char *path,
                 struct route_match *match, struct error *e)
{
    const struct node *other = NULL;
    const struct node *n = find(router->root, path, method, &other);
    *match = (struct route_match){0};
    if (n == NULL) {
        match->allow = other != NULL ? other->allow : NULL;
        return true;
    }
    match->route = route_for(n, method);
    match->allow = n->allow;
    return bind(a, match->route, path, match, e);
}
