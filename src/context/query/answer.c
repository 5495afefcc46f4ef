/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the body of retrieve and query. */
#include "context/query/answer.h"

#include "context/entity/splice.h"
#include "context/query/version.h"

/* ---- what the client asks for ---- */

bool answer_join_parameters(struct call *c, struct join_text *join, struct error *e)
{
    join->kind = request_query(c->request, "join");
    join->contained_by = request_query(c->request, "containedBy");
    return request_query_int(c->request, "joinLevel", 1, INT32_MAX, 0, &join->level, e);
}

static void read_version(struct answer *answer)
{
    int version;
    const char *wanted = call_preference(answer->call, "ngsi-ld");
    if (wanted != NULL && version_parse(wanted, &version) && version >= VERSION_FIRST) {
        answer->version = MIN(version, VERSION_OWN);
    }
}

/* The entity as the client's version has it. */
static const struct json *amended(struct answer *answer, struct arena *a, const struct json *entity)
{
    const struct render *r = answer->render;
    if (answer->version == 0 || answer->version == VERSION_OWN) {
        return entity;
    }
    return version_amend(a, r->ctx, entity, answer->version, r->lang != NULL, &answer->amended);
}

static const struct json *read_linked(void *user, struct arena *a, const char *id)
{
    struct answer *answer = user;
    const struct json *entity = context_get(answer->view, a, id);
    return entity != NULL ? amended(answer, a, entity) : NULL;
}

/* Braces in pick and omit need a join that goes as deep. */
static bool check_depth(struct answer *answer, struct error *e)
{
    const struct projection *pick = answer->render->pick_tree;
    const struct projection *omit = answer->render->omit_tree;
    return join_reaches(&answer->join, pick != NULL ? pick->depth : 0, "pick", e) &&
           join_reaches(&answer->join, omit != NULL ? omit->depth : 0, "omit", e);
}

bool answer_init(struct answer *answer, struct call *c, const struct join_text *join, struct render *render,
                 struct error *e)
{
    struct join_reader reader = {read_linked, answer};
    *answer = (struct answer){.call = c, .render = render, .e = e};
    read_version(answer);
    return join_init(&answer->join, join, &reader, e) && check_depth(answer, e);
}

void answer_clear(struct answer *answer)
{
    if (answer->out != NULL) {
        g_string_free(g_steal_pointer(&answer->out), TRUE);
    }
    join_clear(&answer->join);
}

/* ---- the body ---- */

/* Is the stored text, without what is not shown, the representation that is asked for? */
static bool is_plain(const struct answer *answer)
{
    const struct render *r = answer->render;
    return answer->version == 0 && answer->join.kind == JOIN_NONE && answer->call->accept != MEDIA_GEO_JSON &&
           r->format == RENDER_NORMALIZED && r->ctx == NULL && !r->sys_attrs && r->lang == NULL &&
           r->pick == NULL && r->omit == NULL && r->datasets == NULL;
}

void answer_begin(struct answer *answer, struct view *v, bool list)
{
    bool features = answer->call->accept == MEDIA_GEO_JSON;
    answer->view = v;
    answer->list = list || answer->join.kind == JOIN_FLAT;
    answer->out = g_string_sized_new(4096);
    answer->render->joined = answer->join.kind == JOIN_INLINE;
    answer->plain = is_plain(answer);
    if (answer->list && features) {
        answer->render->context_value = NULL; /* it stands once, in the collection */
    }
    if (answer->list) {
        g_string_append(answer->out, features ? "{\"type\":\"FeatureCollection\",\"features\":[" : "[");
    }
}

static void write_one(void *user, const struct json *entity, const struct render *r)
{
    struct answer *answer = user;
    if (answer->count++ > 0) {
        g_string_append_c(answer->out, ',');
    }
    if (answer->call->accept == MEDIA_GEO_JSON) {
        render_feature(answer->out, entity, r);
    } else {
        render_entity(answer->out, entity, r);
    }
}

bool answer_entity(void *user, const struct json *entity)
{
    struct answer *answer = user;
    arena_auto a = answer->version != 0 ? arena_new() : NULL;
    entity = amended(answer, a, entity);
    if (answer->join.kind == JOIN_INLINE) {
        entity = join_inline(&answer->join, entity, answer->render, answer->e);
    } else if (answer->join.kind == JOIN_FLAT &&
               !join_note(&answer->join, entity, answer->render, answer->e)) {
        entity = NULL;
    }
    answer->failed = entity == NULL;
    if (!answer->failed) {
        write_one(answer, entity, answer->render);
    }
    return !answer->failed;
}

bool answer_text(void *user, const struct store_entity *row)
{
    struct answer *answer = user;
    gsize before = answer->out->len;
    if (!answer->plain) {
        return false;
    }
    if (answer->count > 0) {
        g_string_append_c(answer->out, ',');
    }
    if (!splice_entity(answer->out, row->body, row->body_length, answer->render->context_value)) {
        g_string_truncate(answer->out, before);
        return false;
    }
    answer->count++;
    return true;
}

static void end_list(struct answer *answer)
{
    const struct json *context = call_context_member(answer->call);
    g_string_append_c(answer->out, ']');
    if (answer->call->accept != MEDIA_GEO_JSON) {
        return;
    }
    if (context != NULL) {
        g_string_append(answer->out, ",\"@context\":");
        json_write(answer->out, context);
    }
    g_string_append_c(answer->out, '}');
}

bool answer_reply(struct answer *answer, const char *links)
{
    struct call *c = answer->call;
    if (answer->failed ||
        (answer->join.kind == JOIN_FLAT && !join_follow(&answer->join, write_one, answer, answer->e))) {
        return false;
    }
    if (answer->list) {
        end_list(answer);
    }
    if (answer->version != 0) {
        reply_header(c->request, "Preference-Applied",
                     arena_printf(c->arena, "ngsi-ld=%d.%d", answer->version / 100, answer->version % 100));
    }
    int status = answer->amended ? 203 : answer->created ? 201 : 200;
    call_reply(c, status, g_steal_pointer(&answer->out), links);
    return true;
}
