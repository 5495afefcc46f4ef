/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the entities that clients send and makes the stored form of them (4.5, 4.18, 5.5.4). */
#include "context/entity/ingest_inside.h"

/* ---- entities ---- */

struct members {
    const struct json *id, *type, *scope, *expires;
};

static struct json *take_id(struct ingest *in, const struct json *v)
{
    if (v == NULL) {
        REFUSE(in, "the entity needs an \"id\"", "实体需要“id”");
        return NULL;
    }
    return ingest_check_uri(in, "id", v) ? json_alias(in->a, v) : NULL;
}

/* "[/]level/level…" each level a letter, then letters, digits and _ (4.18). */
static bool valid_scope(const struct json *v)
{
    const char *p = v->string + (v->length > 0 && v->string[0] == '/' ? 1 : 0);
    const char *end = v->string + v->length;
    if (v->length > MAX_SCOPE) {
        return false;
    }
    for (;;) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        const char *level_end = slash != NULL ? slash : end;
        bool plain;
        if (!ld_valid_name(p, (size_t)(level_end - p), &plain) || !plain) {
            return false;
        }
        if (slash == NULL) {
            return true;
        }
        p = slash + 1;
    }
}

static struct json *take_one_scope(struct ingest *in, const struct json *v)
{
    if (v->type != JSON_STRING || !valid_scope(v)) {
        REFUSE(in, "scope must be a path of names such as /渝中区/大坪街道, but it is \"%.100s\"",
               "scope 必须是名称组成的路径（如 /渝中区/大坪街道），收到的是“%.100s”",
               v->type == JSON_STRING ? v->string : "?");
        return NULL;
    }
    return v->string[0] == '/' ? json_stringn(in->a, v->string, v->length)
                               : json_printf(in->a, "/%s", v->string);
}

static struct json *take_scope(struct ingest *in, const struct json *v)
{
    struct json *list = json_array(in->a);
    if (ingest_is_deletion(in, v)) {
        return list;
    }
    if (v->type == JSON_ARRAY && (v->length == 0 || v->length > LIMIT_TYPES)) {
        REFUSE(in, "scope: between 1 and %d paths are needed", "scope：需要 1 至 %d 个路径", LIMIT_TYPES);
        return NULL;
    }
    for (const struct json *c = v->type == JSON_ARRAY ? v->first : v; c != NULL;
         c = v->type == JSON_ARRAY ? c->next : NULL) {
        struct json *scope = take_one_scope(in, c);
        if (scope == NULL) {
            return NULL;
        }
        json_append(list, scope);
    }
    return list;
}

static bool take_head(struct ingest *in, struct json *out, const struct members *m)
{
    if (m->id != NULL || (in->flags & INGEST_ID) != 0) {
        struct json *id = take_id(in, m->id);
        if (id == NULL) {
            return false;
        }
        ADD(out, "id", id);
    }
    if (m->type == NULL && (in->flags & INGEST_TYPE) != 0) {
        return REFUSE(in, "the entity needs a \"type\"", "实体需要“type”");
    }
    if (m->type != NULL) {
        struct json *types = ingest_names(in, m->type, LIMIT_TYPES);
        if (types == NULL) {
            error_prefix(in->e, "type");
            return false;
        }
        ADD(out, "type", types);
    }
    if (m->scope != NULL) {
        struct json *scopes = take_scope(in, m->scope);
        if (scopes == NULL) {
            return false;
        }
        ADD(out, "scope", scopes);
    }
    if (m->expires != NULL) {
        struct json *at =
            ingest_is_deletion(in, m->expires) ? json_null(in->a) : ingest_expiry(in, m->expires);
        if (at == NULL) {
            return false;
        }
        ADD(out, "expiresAt", at);
    }
    return true;
}

static bool is_head(const struct json *m, struct members *head)
{
    if (KEY(m, "id") || KEY(m, "@id")) {
        head->id = m;
    } else if (KEY(m, "type") || KEY(m, "@type")) {
        head->type = m;
    } else if (KEY(m, "scope")) {
        head->scope = m;
    } else if (KEY(m, "expiresAt")) {
        head->expires = m;
    } else {
        return KEY(m, "@context") || KEY(m, "createdAt") || KEY(m, "modifiedAt") || KEY(m, "deletedAt");
    }
    return true;
}

static void take_system_times(struct ingest *in, struct json *out, const struct json *payload)
{
    static const char *const names[] = {"createdAt", "modifiedAt"};
    for (size_t i = 0; (in->flags & INGEST_SYSTEM) != 0 && i < G_N_ELEMENTS(names); i++) {
        const struct json *given = json_get(payload, names[i]);
        struct json *at = given != NULL ? ingest_system_time(in, given) : NULL;
        if (at != NULL) {
            json_add(out, names[i], at);
        }
    }
}

struct json *ingest_entity(struct arena *a, const struct json *payload, const struct ld_context *ctx,
                           int flags, struct error *e)
{
    struct ingest in = {a, ctx, flags, e};
    struct members head = {0};
    struct json *out = json_object(a);
    if (payload == NULL || payload->type != JSON_OBJECT) {
        REFUSE(&in, "an entity must be a JSON object", "实体必须是 JSON 对象");
        return NULL;
    }
    if (payload->length > LIMIT_ATTRIBUTES + 10) {
        REFUSE(&in, "an entity has at most %d attributes", "一个实体最多 %d 个属性", LIMIT_ATTRIBUTES);
        return NULL;
    }
    for (const struct json *m = payload->first; m != NULL; m = m->next) {
        is_head(m, &head);
    }
    if (!take_head(&in, out, &head)) {
        return NULL;
    }
    take_system_times(&in, out, payload);
    for (const struct json *m = payload->first; m != NULL; m = m->next) {
        if (!is_head(m, &head) && !ingest_member(&in, out, m, -1)) {
            return NULL;
        }
    }
    return out;
}

struct json *context_ingest(struct arena *a, const struct json *payload, const struct ld_context *ctx,
                            bool fragment, struct error *e)
{
    return ingest_entity(a, payload, ctx, fragment ? INGEST_NULLS : INGEST_ID | INGEST_TYPE, e);
}
