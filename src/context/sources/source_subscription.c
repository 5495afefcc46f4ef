/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription to registrations: checked, compiled, matched, put into words. */
#include "context/sources/source_subscription.h"

#include <string.h>

#include "context/entity/ingest.h"
#include "context/sources/source_query.h"
#include "context/subscriptions/notifier.h"

struct source_subscription *source_subscription_ref(struct source_subscription *s)
{
    g_atomic_int_inc(&s->references);
    return s;
}

void source_subscription_unref(struct source_subscription *s)
{
    if (s != NULL && g_atomic_int_dec_and_test(&s->references)) {
        subscription_unref(s->def);
        q_free(s->csf);
        g_mutex_clear(&s->lock);
        arena_free(s->a);
        g_free(s);
    }
}

/* ---- what it asks for ---- */

static bool read_filter(struct source_subscription *s, const struct json *csf, struct error *e)
{
    if (csf == NULL) {
        return true;
    }
    if (csf->type != JSON_STRING) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "\"csf\" must be a text", "“csf”必须是文本");
    }
    s->csf = source_filter_compile(csf->string, e);
    s->query.csf = s->csf;
    return s->csf != NULL;
}

static bool read_when(struct source_subscription *s, const struct json *when, struct error *e)
{
    struct source_when w = {.relation = json_get_string(when, "timerel"),
                            .at = json_get_string(when, "timeAt"),
                            .end = json_get_string(when, "endTimeAt"),
                            .property = json_get_string(when, "timeproperty")};
    if (when != NULL && (w.relation == NULL || w.at == NULL)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "\"temporalQ\" needs timerel and timeAt",
                         "“temporalQ”需要 timerel 和 timeAt");
    }
    return source_query_read_when(&s->query, &w, e);
}

static int add_names(struct source_subscription *s, const struct json *list, const char **names, int count)
{
    for (const struct json *c = json_first(list); c != NULL; c = c->next) {
        const char *name =
            c->type == JSON_STRING ? ingest_attribute_name(s->a, s->def->ctx, c->string, NULL) : NULL;
        if (name != NULL) {
            names[count++] = name;
        }
    }
    return count;
}

/* If either list is missing, all attributes match (5.11.2.4). */
static void read_attributes(struct source_subscription *s)
{
    const struct json *watched = json_get(s->body, "watchedAttributes");
    const struct json *n = json_get(s->body, "notification");
    const struct json *shown =
        json_get(n, "attributes") != NULL ? json_get(n, "attributes") : json_get(n, "pick");
    if (json_first(watched) == NULL || json_first(shown) == NULL) {
        return;
    }
    const char **names = arena_array(s->a, const char *, watched->length + shown->length + 1);
    s->query.attributes = names;
    s->query.attributes_count = add_names(s, shown, names, add_names(s, watched, names, 0));
}

static void read_datasets(struct source_subscription *s)
{
    const struct json *list = json_get(s->body, "datasetId");
    const char **names = arena_array(s->a, const char *, (list != NULL ? list->length : 0) + 1);
    int count = 0;
    for (const struct json *c = json_is(list, JSON_ARRAY) ? list->first : NULL; c != NULL; c = c->next) {
        names[count++] = c->type == JSON_STRING ? c->string : "@none";
    }
    s->query.datasets = count > 0 ? names : NULL;
}

/* What other subscriptions do not know, or what would make them unlike, is ours alone. */
static struct json *without_ours(struct arena *a, const struct json *body)
{
    struct json *rest = json_copy(a, body);
    json_remove(rest, "csf");
    json_remove(rest, "temporalQ");
    json_remove(rest, "datasetId");
    return rest;
}

static void keep_body(struct source_subscription *s, const struct json *body)
{
    static const char *const ours[] = {"csf", "temporalQ", "datasetId"};
    struct json *kept = json_copy(s->a, s->def->body);
    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++) {
        const struct json *m = json_get(body, ours[i]);
        if (m != NULL) {
            json_set(s->a, kept, ours[i], json_copy(s->a, m));
        }
    }
    s->body = kept;
}

struct source_subscription *source_subscription_parse(const struct json *body,
                                                      const struct json *context_value, struct error *e)
{
    source_subscription_auto s = g_new0(struct source_subscription, 1);
    s->references = 1;
    s->a = arena_new();
    const struct json *rest = json_is(body, JSON_OBJECT) ? without_ours(s->a, body) : body;
    s->def = subscription_parse(rest, context_value, e);
    if (s->def == NULL) {
        return NULL;
    }
    keep_body(s, body);
    if (s->def->endpoint.accept == ACCEPT_GEO_JSON) {
        error_set(e, ERROR_BAD_REQUEST_DATA,
                  "Registrations go out as application/json or application/ld+json, not as GeoJSON",
                  "注册以 application/json 或 application/ld+json 发送，不支持 GeoJSON");
        return NULL;
    }
    if (!read_filter(s, json_get(s->body, "csf"), e) || !read_when(s, json_get(s->body, "temporalQ"), e)) {
        return NULL;
    }
    read_attributes(s);
    read_datasets(s);
    s->query.scope = s->def->query.scope;
    s->query.geo = s->def->query.geo;
    s->query.geo_property = s->def->query.geo_property;
    return g_steal_pointer(&s);
}

/* ---- matching ---- */

/* Marks the elements of "information" that match for one selector. */
static bool mark(const struct source_subscription *s, struct arena *a, const struct entity_selector *selector,
                 struct registration *r, bool *marks)
{
    struct registry_query q = s->query;
    struct registry_match m;
    if (selector != NULL) {
        q.ids = selector->ids;
        q.ids_count = selector->ids_count;
        q.type = selector->type;
        q.id_pattern = selector->id_pattern != NULL ? g_regex_get_pattern(selector->id_pattern) : NULL;
    }
    if (!registration_match(r, a, &q, &m)) {
        return false;
    }
    for (int i = 0; i < m.parts_count; i++) {
        marks[m.parts[i].info - r->info] = true;
    }
    return true;
}

struct json *source_subscription_view(struct source_subscription *s, struct arena *a, struct registration *r)
{
    bool *marks = arena_array(a, bool, r->info_count);
    bool found = false;
    g_mutex_lock(&s->lock);
    for (int i = 0; i < s->def->query.selectors_count; i++) {
        found |= mark(s, a, &s->def->query.selectors[i], r, marks);
    }
    if (s->def->query.selectors_count == 0) {
        found = mark(s, a, NULL, r, marks);
    }
    g_mutex_unlock(&s->lock);
    if (!found) {
        return NULL;
    }
    struct json *shown = registration_show(a, r, s->def->ctx, s->def->render.sys_attrs);
    registration_keep_parts(shown, marks);
    return shown;
}

/* ---- the message (5.3.2) ---- */

GString *source_subscription_message(const struct source_subscription *s, const char *reason,
                                     const char *registrations)
{
    char now[INSTANT_TEXT];
    g_autofree char *uuid = g_uuid_string_random();
    GString *out = g_string_new(NULL);
    g_string_append_printf(out,
                           "{\"id\":\"urn:ngsi-ld:ContextSourceNotification:%s\",\"type\":"
                           "\"ContextSourceNotification\",\"subscriptionId\":",
                           uuid);
    json_write_string(out, s->def->id, strlen(s->def->id));
    g_string_append_printf(out, ",\"notifiedAt\":\"%s\",\"triggerReason\":\"%s\",\"data\":[%s]",
                           instant_format(instant_now(), now), reason, registrations);
    return notification_wrap(s->def, out);
}
