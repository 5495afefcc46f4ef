/* SPDX-License-Identifier: Apache-2.0 */
/* What a source is told besides the request itself: where it came from, the tenant, the @context, and what
 * its registration wants conveyed. */
#include "context/sources/forward_headers.h"

#include <string.h>

#include "context/sources/source_identity.h"

#define FROM_REQUEST "urn:ngsi-ld:request"

/* ---- Via (RFC 7230, 5.7.1) ---- */

/* Is alias among the pseudonyms of "1.1 north, HTTP/1.1 south (comment)"? */
static bool via_names(const char *via, const char *alias)
{
    g_auto(GStrv) hops = g_strsplit(via, ",", -1);
    for (char **hop = hops; *hop != NULL; hop++) {
        g_auto(GStrv) words = g_strsplit_set(g_strstrip(*hop), " \t", 3);
        if (words[0] != NULL && words[1] != NULL && strcmp(words[1], alias) == 0) {
            return true;
        }
    }
    return false;
}

bool forward_is_loop(struct call *c)
{
    const char *via = request_header(c->request, "Via");
    return via != NULL && via_names(via, source_alias(c->arena, c->space));
}

bool forward_leads_back(struct call *c, const struct registration *r)
{
    const char *via = request_header(c->request, "Via");
    return r->alias != NULL && (strcmp(r->alias, source_alias(c->arena, c->space)) == 0 ||
                                (via != NULL && via_names(via, r->alias)));
}

const char *forward_via(struct call *c)
{
    const char *via = request_header(c->request, "Via");
    return arena_printf(c->arena, "%s%s1.1 %s", via != NULL ? via : "", via != NULL ? ", " : "",
                        source_alias(c->arena, c->space));
}

/* ---- what the registration wants conveyed (4.3.6.5) ---- */

/* Headers that belong to the connection, or that come from elsewhere in the registration. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {"host",
                                       "content-length",
                                       "content-type",
                                       "transfer-encoding",
                                       "connection",
                                       "keep-alive",
                                       "upgrade",
                                       "trailer",
                                       "te",
                                       "expect",
                                       "via",
                                       "link",
                                       "accept",
                                       "ngsild-tenant",
                                       "ngsild-snapshot",
                                       "ngsild-entitymap",
                                       "accept-language",
                                       NULL};
    g_autofree char *lower = g_ascii_strdown(name, -1);
    return g_strv_contains(ours, lower);
}

static bool is_token(const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if (!g_ascii_isalnum(*p) && strchr("!#$%&'*+-.^_`|~", *p) == NULL) {
            return false;
        }
    }
    return *name != '\0';
}

static bool is_value(const char *value)
{
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\r' || *p == '\n') {
            return false;
        }
    }
    return true;
}

static void add(GPtrArray *out, const char *name, const char *value)
{
    if (value != NULL && is_token(name) && is_value(value)) {
        g_ptr_array_add(out, g_strdup_printf("%s: %s", name, value));
    }
}

static void add_conveyed(GPtrArray *out, struct gather *g, const struct registration *r)
{
    for (const char *const *h = r->headers; h != NULL && h[0] != NULL; h += 2) {
        if (!is_ours(h[0])) {
            add(out, h[0], strcmp(h[1], FROM_REQUEST) == 0 ? request_header(g->call.request, h[0]) : h[1]);
        }
    }
}

/* ---- all of it ---- */

static void add_context_link(GPtrArray *out, const char *url)
{
    g_autofree char *link = g_strdup_printf(
        "<%s>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"", url);
    add(out, "Link", link);
}

static bool body_is_ld(const struct registration *r)
{
    return r->jsonld_context == NULL && g_strcmp0(r->content_type, "application/ld+json") == 0;
}

char **forward_headers(struct gather *g, const struct forward *f)
{
    const struct registration *r = f->registration;
    GPtrArray *out = g_ptr_array_new();
    add(out, "Via", forward_via(&g->call));
    add(out, "Accept", r->accept != NULL ? r->accept : "application/json");
    add(out, "Accept-Language", g->call.chinese ? "zh" : "en");
    add(out, "NGSILD-Tenant", r->tenant);
    add(out, "NGSILD-EntityMap", f->entity_map);
    if (f->body != NULL) {
        add(out, "Content-Type", body_is_ld(r) ? "application/ld+json" : "application/json");
    }
    if (r->jsonld_context != NULL) {
        add_context_link(out, r->jsonld_context);
    }
    add_conveyed(out, g, r);
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}

/* Puts the core @context into each object of the text: its names are all of the core's (4.3.6.6,
 * contentType). */
static GString *with_context(GString *json)
{
    arena_auto a = arena_new();
    GString *out = g_string_sized_new(json->len + 256);
    struct json *value = json_parse(a, json->str, json->len, NULL);
    for (struct json *o = json_is(value, JSON_ARRAY) ? value->first : value; o != NULL; o = o->next) {
        if (o->type == JSON_OBJECT) {
            json_set(a, o, "@context", json_string(a, LD_CORE_CONTEXT));
        }
    }
    json_write(out, value);
    g_string_free(json, TRUE);
    return out;
}

void forward_body(struct forward *f, GString *json)
{
    f->body = body_is_ld(f->registration) ? with_context(json) : json;
}
