/* SPDX-License-Identifier: Apache-2.0 */
/* /ngsi-ld/v1/info/sourceIdentity, and the pseudonym by which loops are seen. */
#include "context/sources/source_identity.h"

#include <inttypes.h>
#include <string.h>

#include "context/call/api.h"

#define SPACE "identity"
#define KEY "source"

static struct {
    char *id; /* 8 hexadecimal digits and more */
    gint64 started;
} hub;

struct keep_job {
    struct store_job job;
    const char *id;
};

static bool apply(struct store_job *job, struct txn *t, struct error *e)
{
    const char *id = ((struct keep_job *)job)->id;
    return txn_kv_put(t, SPACE, KEY, strlen(KEY), id, strlen(id), e);
}

bool source_identity_start(struct store *s, struct error *e)
{
    arena_auto a = arena_new();
    const char *value;
    size_t length;
    view_auto v = view_begin(s);
    bool known = view_kv_get(v, a, SPACE, KEY, strlen(KEY), &value, &length);
    view_end(g_steal_pointer(&v));
    g_free(hub.id);
    hub.id = known ? g_strdup(value) : g_uuid_string_random();
    hub.started = g_get_monotonic_time();
    struct keep_job keep = {.job.apply = apply, .id = hub.id};
    return known || store_run(s, &keep.job, e);
}

const char *source_alias(struct arena *a, const struct space *space)
{
    g_autofree char *text = g_strdup_printf("%s/%s", hub.id, space->name);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    return arena_printf(a, "zhongshu-%.16s", digest);
}

static bool show(struct call *c, struct error *e)
{
    char now[INSTANT_TEXT];
    struct arena *a = c->arena;
    const char *alias = source_alias(a, c->space);
    const struct json *context = call_context_member(c);
    struct json *out = json_object(a);
    struct json *extras = json_object(a);
    json_add(out, "id", json_printf(a, "urn:ngsi-ld:ContextSourceIdentity:%s", alias));
    json_add(out, "type", json_string(a, "ContextSourceIdentity"));
    json_add(out, "contextSourceAlias", json_string(a, alias));
    json_add(
        out, "contextSourceUptime",
        json_printf(a, "PT%" PRId64 "S", (int64_t)(g_get_monotonic_time() - hub.started) / INSTANT_SECOND));
    json_add(out, "contextSourceTimeAt", json_string(a, instant_format(instant_now(), now)));
    json_add(extras, "software", json_string(a, "Zhongshu " ZHONGSHU_VERSION));
    json_add(out, "contextSourceExtras", extras);
    if (context != NULL) {
        json_add(out, "@context", json_copy(a, context));
    }
    GString *text = g_string_new(NULL);
    json_write(text, out);
    call_reply(c, 200, text, NULL);
    return true;
}

static const char *const no_parameters[] = {NULL};

static void serve_identity(struct request *r)
{
    static const struct operation o = {.run = show, .parameters = no_parameters};
    call_serve(r, &o);
}

const struct route source_identity_routes[] = {
    {"GET", NGSI_PATH "/info/sourceIdentity", "", serve_identity, "Who this context source is",
     "本上下文源的身份", 0},
    {NULL},
};
