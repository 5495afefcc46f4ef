/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions as clients write them, checked and compiled. */
#include <string.h>

#include "base/limits.h"
#include "context/entity/ingest.h"
#include "context/query/query_api.h"
#include "context/query/version.h"
#include "context/subscriptions/subscription_read.h"
#include "context/terms/hosted.h"

enum { MAX_SECONDS = 10 * 365 * 86400 };

struct subscription *subscription_ref(struct subscription *s)
{
    g_atomic_int_inc(&s->references);
    return s;
}

void subscription_unref(struct subscription *s)
{
    if (s != NULL && g_atomic_int_dec_and_test(&s->references)) {
        entity_query_clear(&s->query);
        ld_context_unref(s->ctx);
        arena_free(s->a);
        g_free(s);
    }
}

/* ---- members ---- */

enum member_use { MEMBER_USED, MEMBER_IGNORED, MEMBER_REFUSED };

/* Members of a Subscription (table 5.2.12-1). */
static const struct {
    const char *name;
    enum member_use use;
} members[] = {
    {"id", MEMBER_USED},
    {"type", MEMBER_USED},
    {"entities", MEMBER_USED},
    {"notification", MEMBER_USED},
    {"notificationTrigger", MEMBER_USED},
    {"watchedAttributes", MEMBER_USED},
    {"q", MEMBER_USED},
    {"geoQ", MEMBER_USED},
    {"scopeQ", MEMBER_USED},
    {"description", MEMBER_USED},
    {"subscriptionName", MEMBER_USED},
    {"expiresAt", MEMBER_USED},
    {"isActive", MEMBER_USED},
    {"jsonldContext", MEMBER_USED},
    {"lang", MEMBER_USED},
    {"localOnly", MEMBER_USED},
    {"splitEntities", MEMBER_USED},
    {"throttling", MEMBER_USED},
    {"timeInterval", MEMBER_USED},
    {"@context", MEMBER_IGNORED},
    {"status", MEMBER_IGNORED},
    {"createdAt", MEMBER_IGNORED},
    {"modifiedAt", MEMBER_IGNORED},
    {"csf", MEMBER_USED},
    {"datasetId", MEMBER_USED},
    {"expandValues", MEMBER_USED},
    {"jsonKeys", MEMBER_USED},
    {"ngsildConformance", MEMBER_USED},
    {"temporalQ", MEMBER_REFUSED},
};

static bool take_member(struct subscription *s, struct json *kept, const struct json *m, struct error *e)
{
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        if (strcmp(members[i].name, m->key) != 0) {
            continue;
        }
        if (members[i].use == MEMBER_REFUSED) {
            return refuse(e, "\"%s\" goes into subscriptions to context source registrations only",
                          "“%s”只能用于对上下文源注册的订阅", m->key);
        }
        if (members[i].use == MEMBER_USED) {
            json_set(s->a, kept, m->key, json_copy(s->a, m));
        }
        return true;
    }
    return refuse(e, "A subscription has no member \"%.60s\"", "订阅没有成员“%.60s”", m->key);
}

static bool keep_members(struct subscription *s, const struct json *body, struct error *e)
{
    struct json *kept = json_object(s->a);
    if (!json_is(body, JSON_OBJECT) || !json_streq(json_get(body, "type"), "Subscription")) {
        return refuse(e, "A subscription is an object with \"type\": \"Subscription\"",
                      "订阅必须是带 \"type\": \"Subscription\" 的对象");
    }
    for (const struct json *m = body->first; m != NULL; m = m->next) {
        if (!take_member(s, kept, m, e)) {
            return false;
        }
    }
    s->body = kept;
    return true;
}

static bool read_id(struct subscription *s, struct error *e)
{
    const struct json *id = json_get(s->body, "id");
    if (id == NULL) {
        g_autofree char *uuid = g_uuid_string_random();
        s->id = arena_printf(s->a, "urn:ngsi-ld:Subscription:%s", uuid);
        json_set(s->a, (struct json *)s->body, "id", json_string(s->a, s->id));
        return true;
    }
    s->id = json_get_string(s->body, "id");
    return s->id != NULL ? ingest_uri("id", s->id, strlen(s->id), e)
                         : refuse(e, "\"id\" must be a text", "“id”必须是文本");
}

/* A positive number of seconds to microseconds; 0 when absent. */
static bool read_seconds(const struct json *body, const char *name, int64_t *us, struct error *e)
{
    const struct json *value = json_get(body, name);
    if (value == NULL) {
        *us = 0;
        return true;
    }
    if (!json_is_number(value) || json_number(value) <= 0 || json_number(value) > MAX_SECONDS) {
        return refuse(e, "\"%s\" must be a number of seconds above 0", "“%s”必须是大于 0 的秒数", name);
    }
    *us = MAX(1, (int64_t)(json_number(value) * INSTANT_SECOND));
    return true;
}

bool subscription_read_flag(const struct json *object, const char *name, bool otherwise, bool *value,
                            struct error *e)
{
    const struct json *member = json_get(object, name);
    *value = member != NULL ? json_get_bool(object, name, otherwise) : otherwise;
    return member == NULL || member->type == JSON_BOOL ||
           refuse(e, "\"%s\" must be true or false", "“%s”只能是 true 或 false", name);
}

/* An array of texts, not empty; *names NULL when it is absent. */
bool subscription_read_names(struct subscription *s, const struct json *object, const char *member,
                             const char *const **names, struct error *e)
{
    const struct json *list = json_get(object, member);
    *names = NULL;
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->first == NULL) {
        return refuse(e, "\"%s\" must be a list that is not empty", "“%s”必须是非空数组", member);
    }
    const char **found = arena_array(s->a, const char *, list->length + 1);
    int n = 0;
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        if (c->type != JSON_STRING || (found[n] = ingest_name(s->a, s->ctx, c->string, e)) == NULL) {
            return c->type == JSON_STRING ? false
                                          : refuse(e, "\"%s\" holds names only", "“%s”中只能是名称", member);
        }
        n++;
    }
    *names = found;
    return true;
}

static bool read_triggers(struct subscription *s, struct error *e)
{
    static const struct {
        const char *name;
        unsigned flags;
    } triggers[] = {
        {"entityCreated", TRIGGER_ENTITY_CREATED},
        {"entityUpdated", TRIGGER_ATTRIBUTE_CREATED | TRIGGER_ATTRIBUTE_UPDATED | TRIGGER_ATTRIBUTE_DELETED},
        {"entityDeleted", TRIGGER_ENTITY_DELETED},
        {"attributeCreated", TRIGGER_ATTRIBUTE_CREATED},
        {"attributeUpdated", TRIGGER_ATTRIBUTE_UPDATED},
        {"attributeDeleted", TRIGGER_ATTRIBUTE_DELETED},
    };
    const struct json *list = json_get(s->body, "notificationTrigger");
    s->triggers = TRIGGER_ATTRIBUTE_CREATED | TRIGGER_ATTRIBUTE_UPDATED;
    if (list == NULL) {
        return true;
    }
    s->triggers = 0;
    for (const struct json *c = json_is(list, JSON_ARRAY) ? list->first : NULL; c != NULL; c = c->next) {
        size_t i = 0;
        while (i < G_N_ELEMENTS(triggers) && !json_streq(c, triggers[i].name)) {
            i++;
        }
        if (i == G_N_ELEMENTS(triggers)) {
            s->triggers = 0;
            break;
        }
        s->triggers |= triggers[i].flags;
    }
    return s->triggers != 0 ||
           refuse(e,
                  "\"notificationTrigger\" is a list of entityCreated, entityUpdated, entityDeleted, "
                  "attributeCreated, "
                  "attributeUpdated, attributeDeleted",
                  "“notificationTrigger”应为 "
                  "entityCreated、entityUpdated、entityDeleted、attributeCreated、attributeUpdated、"
                  "attributeDeleted 的数组");
}

static bool read_expiry(struct subscription *s, struct error *e)
{
    const struct json *value = json_get(s->body, "expiresAt");
    s->expires_known = value != NULL;
    return value == NULL ||
           (value->type == JSON_STRING && instant_parse(value->string, value->length, NULL, &s->expires)) ||
           refuse(e, "\"expiresAt\" must be a time such as 2027-01-01T00:00:00Z",
                  "“expiresAt”必须是时间，如 2027-01-01T00:00:00Z");
}

static bool read_times(struct subscription *s, struct error *e)
{
    if (!read_seconds(s->body, "throttling", &s->throttling, e) ||
        !read_seconds(s->body, "timeInterval", &s->interval, e) || !read_expiry(s, e)) {
        return false;
    }
    return s->interval == 0 || (s->throttling == 0 && s->watched == NULL) ||
           refuse(e, "\"timeInterval\" goes neither with watchedAttributes nor with throttling",
                  "“timeInterval”不能与 watchedAttributes 或 throttling 同时使用");
}

/* ---- texts ---- */

static bool read_text(const struct json *body, const char *name, const char **text, struct error *e)
{
    const struct json *member = json_get(body, name);
    *text = json_get_string(body, name);
    return member == NULL || *text != NULL || refuse(e, "\"%s\" must be a text", "“%s”必须是文本", name);
}

/* datasetId: URIs and "@none". */
static bool read_datasets(struct subscription *s, struct error *e)
{
    const struct json *list = json_get(s->body, "datasetId");
    if (list == NULL) {
        return true;
    }
    if (list->type != JSON_ARRAY || list->first == NULL) {
        return refuse(e, "\"datasetId\" must be a list of URIs or \"@none\", not empty",
                      "“datasetId”必须是 URI 或 \"@none\" 的非空数组");
    }
    const char **datasets = arena_array(s->a, const char *, list->length + 1);
    int n = 0;
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        if (c->type != JSON_STRING ||
            (strcmp(c->string, "@none") != 0 && !ingest_uri("datasetId", c->string, c->length, e))) {
            return c->type == JSON_STRING ? false
                                          : refuse(e, "\"datasetId\" holds URIs or \"@none\"",
                                                   "“datasetId”中只能是 URI 或 \"@none\"");
        }
        datasets[n++] = c->string;
    }
    s->render.datasets = datasets;
    return true;
}

static bool read_conformance(struct subscription *s, struct error *e)
{
    const char *text;
    if (!read_text(s->body, "ngsildConformance", &text, e)) {
        return false;
    }
    return text == NULL || (version_parse(text, &s->version) && s->version >= VERSION_FIRST) ||
           refuse(e, "\"ngsildConformance\" is a version of NGSI-LD such as 1.6, not \"%.20s\"",
                  "“ngsildConformance”应为 NGSI-LD 的版本，如 1.6，而不是“%.20s”", text);
}

/* The filter of context sources: checked here; local entities come from none. */
static bool read_csf(struct subscription *s, struct error *e)
{
    const char *text;
    if (!read_text(s->body, "csf", &text, e)) {
        return false;
    }
    q_auto csf = text != NULL ? q_compile(text, NULL, e) : NULL;
    return text == NULL || csf != NULL;
}

static bool read_texts(struct subscription *s, struct error *e)
{
    const char *unused;
    static const char *const names[] = {"description", "subscriptionName", "lang", "expandValues",
                                        "jsonKeys"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!read_text(s->body, names[i], &unused, e)) {
            return false;
        }
    }
    return read_datasets(s, e) && read_conformance(s, e) && read_csf(s, e);
}

/* ---- which entities ---- */

/* The types that all selectors need, for a quick first look at changes. */
static void collect_types(struct subscription *s)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (int i = 0; i < s->query.selectors_count; i++) {
        int count = 0;
        const struct type_query *type = s->query.selectors[i].type;
        const char *const *types = type != NULL ? type_query_any_of(type, &count) : NULL;
        if (types == NULL) {
            return;
        }
        for (int k = 0; k < count; k++) {
            g_ptr_array_add(all, (gpointer)types[k]);
        }
    }
    if (all->len > 0) {
        const char **types = arena_array(s->a, const char *, all->len + 1);
        memcpy(types, all->pdata, all->len * sizeof *types);
        s->types = types;
    }
}

static bool read_query(struct subscription *s, struct error *e)
{
    bool local, split;
    if (!subscription_read_flag(s->body, "localOnly", false, &local, e) ||
        !subscription_read_flag(s->body, "splitEntities", false, &split, e) ||
        !query_read_body(&s->query, s->a, s->ctx, s->body, e)) {
        return false;
    }
    bool has_entities = s->query.selectors_count > 0;
    if (!local && !has_entities && (s->watched == NULL || s->interval > 0)) {
        return refuse(
            e, "Say what to watch: \"entities\" or \"watchedAttributes\" (with timeInterval: entities)",
            "请说明订阅内容：“entities”或“watchedAttributes”（使用 timeInterval 时必须有 entities）");
    }
    collect_types(s);
    return true;
}

static bool read_context(struct subscription *s, const struct json *context_value, struct error *e)
{
    const struct json *own = json_get(s->body, "jsonldContext");
    if (own != NULL && own->type != JSON_STRING) {
        return refuse(e, "\"jsonldContext\" must be a URL", "“jsonldContext”必须是 URL");
    }
    context_value = own != NULL ? own : context_value;
    if (context_value == NULL) {
        return true;
    }
    s->context_value = json_copy(s->a, context_value);
    if (!ld_context_parse(s->context_value, hosted_loader(), &s->ctx, e)) {
        return false;
    }
    hosted_pin(s->context_value);
    return true;
}

/* A deleted entity is held against the query as it was, and what is gone shows its kind. */
static bool needs_before(const struct subscription *s)
{
    const struct entity_query *q = &s->query;
    bool asks = q->q != NULL || q->geo != NULL || q->scope != NULL || s->watched != NULL;
    return s->render.changes || (s->triggers & TRIGGER_ATTRIBUTE_DELETED) != 0 ||
           ((s->triggers & TRIGGER_ENTITY_DELETED) != 0 && (asks || s->render.sys_attrs));
}

struct subscription *subscription_parse(const struct json *body, const struct json *context_value,
                                        struct error *e)
{
    subscription_auto s = g_new0(struct subscription, 1);
    s->references = 1;
    s->a = arena_new();
    if (!keep_members(s, body, e) || !read_id(s, e) || !read_context(s, context_value, e) ||
        !subscription_read_flag(s->body, "isActive", true, &s->active, e) || !read_triggers(s, e) ||
        !subscription_read_names(s, s->body, "watchedAttributes", &s->watched, e) || !read_times(s, e) ||
        !read_texts(s, e) || !read_query(s, e) || !subscription_read_notification(s, e)) {
        return NULL;
    }
    s->needs_before = needs_before(s);
    return g_steal_pointer(&s);
}
