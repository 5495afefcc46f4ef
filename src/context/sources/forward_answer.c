/* SPDX-License-Identifier: Apache-2.0 */
/* What sources answered: parsed, held against what they are registered for, and what went wrong told
 * (6.3.17). */
#include "context/sources/forward.h"

#include <string.h>

#include "context/entity/entity.h"
#include "context/entity/ingest.h"
#include "context/terms/hosted.h"

bool forward_ok(const struct forward *f)
{
    return f->end == FORWARD_ANSWERED && f->status >= 200 && f->status <= 299;
}

/* ---- warnings ---- */

void gather_warn(struct gather *g, int code, const struct forward *f, const char *text)
{
    g_string_append_printf(g->warnings, "%s%d %s \"%s\"", g->warnings->len > 0 ? ", " : "", code,
                           f->registration->id, text);
}

static bool is_loop(const struct forward *f)
{
    return f->end == FORWARD_LOOP || (f->end == FORWARD_ANSWERED && f->status == 508);
}

static const char *unanswered_text(const struct forward *f)
{
    switch (f->end) {
    case FORWARD_TIMED_OUT: return "no answer in time";
    case FORWARD_COOLING: return "it failed a moment ago and is left alone for its cooldown";
    case FORWARD_TOO_LONG: return "its answer is larger than what is kept";
    default: return "no answer";
    }
}

void gather_warn_read(struct gather *g, const struct forward *f)
{
    if (f->stale) {
        gather_warn(g, 110, f, "Response is Stale");
    }
    if (is_loop(f)) {
        gather_warn(g, 199, f, "it leads back to a source that has had this request");
    } else if (f->end != FORWARD_ANSWERED) {
        gather_warn(g, 199, f, unanswered_text(f));
    } else if (!forward_ok(f) && f->status != 404) {
        g_autofree char *text = g_strdup_printf("it answered with status %d", f->status);
        gather_warn(g, 299, f, text);
    }
}

void gather_reply_warnings(struct gather *g)
{
    if (g->warnings->len > 0) {
        reply_header(g->call.request, "NGSILD-Warning", g->warnings->str);
    }
}

/* ---- bodies ---- */

struct json *forward_json(struct gather *g, struct forward *f, enum json_type type)
{
    struct json *value = json_parse(g->call.arena, f->text, f->length, NULL);
    if (!json_is(value, type)) {
        gather_warn(g, 111, f, "its answer is not what NGSI-LD says");
        return NULL;
    }
    return value;
}

/* The context of an answer: its own when it brings one, else the one it was asked with. */
static bool answer_context(struct forward *f, const struct json *payload, struct ld_context **ctx)
{
    const struct json *own = json_get(payload, "@context");
    if (own == NULL) {
        *ctx = ld_context_ref(f->ctx);
        return true;
    }
    return ld_context_parse(own, hosted_loader(), ctx, NULL);
}

static bool id_fits(const struct registration_entity *entity, const char *id)
{
    return entity->id != NULL           ? strcmp(entity->id, id) == 0
           : entity->id_pattern != NULL ? g_regex_match(entity->id_pattern, id, 0, NULL)
                                        : true;
}

static bool has_one_of(const struct json *types, const struct json *wanted)
{
    for (const struct json *t = json_first(types); t != NULL; t = t->next) {
        for (const struct json *w = json_first(wanted); w != NULL; w = w->next) {
            if (strcmp(t->string, w->string) == 0) {
                return true;
            }
        }
    }
    return json_first(wanted) == NULL;
}

static bool part_fits(const struct registry_part *part, const struct json *entity)
{
    const char *id = json_get_string(entity, "id");
    for (int i = 0; i < part->entities_count; i++) {
        if (id_fits(part->entities[i], id) &&
            has_one_of(json_get(entity, "type"), part->entities[i]->types)) {
            return true;
        }
    }
    return part->entities_count == 0;
}

static bool is_offered(const struct registry_match *m, const struct json *entity, const char *attribute)
{
    for (int i = 0; i < m->parts_count; i++) {
        const struct registry_part *part = &m->parts[i];
        const char *const *names = part->info->attributes;
        if (part_fits(part, entity) && (names == NULL || g_strv_contains(names, attribute))) {
            return true;
        }
    }
    return false;
}

/* Takes away what the registration does not offer; NULL when the entity itself is not one of its. */
static struct json *only_offered(struct arena *a, const struct registry_match *m, struct json *entity)
{
    bool known = false;
    for (int i = 0; i < m->parts_count; i++) {
        known = known || part_fits(&m->parts[i], entity);
    }
    if (!known) {
        return NULL;
    }
    struct json *out = json_object(a);
    for (struct json *member = entity->first, *next; member != NULL; member = next) {
        next = member->next;
        if (!entity_is_attribute(member) || is_offered(m, entity, member->key)) {
            member->next = NULL;
            json_append(out, member);
        }
    }
    return out;
}

static bool is_expired(const struct json *entity)
{
    const struct json *at = json_get(entity, "expiresAt");
    return json_is(at, JSON_INT) && at->integer <= instant_now();
}

struct json *forward_entity(struct gather *g, struct forward *f, const struct json *payload)
{
    ld_context_auto ctx = NULL;
    struct json *entity =
        answer_context(f, payload, &ctx)
            ? ingest_entity(g->call.arena, payload, ctx, INGEST_ID | INGEST_TYPE | INGEST_SYSTEM, NULL)
            : NULL;
    if (entity == NULL) {
        gather_warn(g, 111, f, "an entity in its answer is not what NGSI-LD says");
        return NULL;
    }
    return is_expired(entity) ? NULL : only_offered(g->call.arena, f->match, entity);
}

/* ---- writes ---- */

static bool failed_answer(const struct forward *f, struct error *e)
{
    switch (f->status) {
    case 404:
        return error_set(e, ERROR_NOT_FOUND, "The source of %s does not have it", "%s 的上下文源没有该资源",
                         f->registration->id);
    case 409:
        return error_set(e, ERROR_ALREADY_EXISTS, "The source of %s has it already", "%s 的上下文源中已存在",
                         f->registration->id);
    case 508:
        return error_set(e, ERROR_LOOP, "The source of %s leads back here; change one of the registrations",
                         "%s 的上下文源又指回本中枢，请修改其中一个注册", f->registration->id);
    default:
        return error_set(e, ERROR_BAD_GATEWAY,
                         "The source of %s refused with status %d; see its log and contextSourceInfo",
                         "%s 的上下文源以状态 %d 拒绝，请查看其日志和 contextSourceInfo", f->registration->id,
                         f->status);
    }
}

void forward_failure(const struct forward *f, struct error *e)
{
    const char *id = f->registration->id;
    switch (f->end) {
    case FORWARD_ANSWERED: failed_answer(f, e); break;
    case FORWARD_TIMED_OUT:
    case FORWARD_COOLING:
        error_set(e, ERROR_GATEWAY_TIMEOUT, "The source of %s did not answer in time; try again later",
                  "%s 的上下文源未在时限内应答，请稍后重试", id);
        break;
    case FORWARD_LOOP:
        error_set(e, ERROR_LOOP, "The source of %s leads back here; change one of the registrations",
                  "%s 的上下文源又指回本中枢，请修改其中一个注册", id);
        break;
    case FORWARD_UNSUPPORTED:
        error_set(e, ERROR_CONFLICT,
                  "The data belong to the source of %s, whose registration does not offer this operation",
                  "数据属于 %s 的上下文源，而其注册不提供此操作", id);
        break;
    default:
        error_set(e, ERROR_BAD_GATEWAY, "The source of %s cannot be reached: %s",
                  "无法访问 %s 的上下文源：%s", id, f->reason != NULL ? f->reason : unanswered_text(f));
    }
}
