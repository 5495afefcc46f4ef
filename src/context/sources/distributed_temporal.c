/* SPDX-License-Identifier: Apache-2.0 */
/* Histories are joined as the client gets them: attribute by attribute, instance by instance; of two
 * instances with the same datasetId and the same time the one from here stands, else that of the first
 * source. */
#include "context/sources/distributed_temporal.h"

#include <string.h>

#include "base/limits.h"
#include "context/sources/distributed_plan.h"

/* What the sources said, and the page that the client wants. */
struct spread_history {
    struct json *entities; /* array */
    struct query_page page;
};

struct asking {
    struct temporal_job *job;
    struct registry_matches matches;
};

/* ---- asking ---- */

static void pass_on(struct forward *f, struct call *c, const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *value = request_query(c->request, *names);
        if (value != NULL) {
            forward_parameter(f, *names, value);
        }
    }
}

static void ask(struct gather *g, struct temporal_job *j, const struct registry_match *m)
{
    static const char *const range[] = {"timerel", "timeAt",      "endTimeAt",          "timeproperty",
                                        "lastN",   "aggrMethods", "aggrPeriodDuration", "format",
                                        "options", NULL};
    static const char *const filters[] = {"georel", "geometry", "coordinates", "scopeQ", NULL};
    static const char *const named[] = {"q", "geoproperty", NULL};
    struct call *c = &g->call;
    struct forward *f;
    if (j->id != NULL) {
        g_autofree char *id = g_uri_escape_string(j->id, ":", FALSE);
        f = gather_add(g, m, "GET", "/temporal/entities/%s", id);
    } else {
        f = gather_add(g, m, "GET", "/temporal/entities");
        plan_select(f, g, j->selection.selectors_count == 1 ? &j->selection.selectors[0] : NULL);
        forward_parameter(f, "limit", G_STRINGIFY(1000));
        pass_on(f, c, filters);
        if (c->ctx == NULL && f->ctx == NULL) {
            pass_on(f, c, named);
        }
    }
    pass_on(f, c, range);
    if (m->attributes_count > 0) {
        forward_names(f, "attrs", m->attributes, m->attributes_count);
    }
}

/* attrs, or pick without the members of the head. */
static bool read_attributes(struct call *c, struct registry_query *q, struct error *e)
{
    const char *text = request_query(c->request, "attrs");
    if (text != NULL) {
        q->attributes = query_names(c->arena, c->ctx, text, &q->attributes_count, e);
    }
    return text == NULL || q->attributes != NULL;
}

static bool match(struct call *c, struct temporal_job *j, struct registry_matches *matches, struct error *e)
{
    struct registry_query q;
    struct q *csf;
    enum registration_operation operation = j->id != NULL ? OP_RETRIEVE_TEMPORAL : OP_QUERY_TEMPORAL;
    bool managed = j->q.property >= TEMPORAL_CREATED;
    if (!plan_begin(c, &q, &csf, OPERATION_BIT(operation), e)) {
        return false;
    }
    if (!read_attributes(c, &q, e)) {
        q_free(csf);
        return false;
    }
    q.time = managed ? REGISTRY_MANAGED : REGISTRY_OBSERVED;
    q.from = j->q.from;
    q.to = j->q.to;
    if (j->id != NULL) {
        q.ids = &j->id;
        q.ids_count = 1;
    } else if (j->selection.selectors_count > 0) {
        q.ids = j->selection.selectors[0].ids;
        q.ids_count = j->selection.selectors[0].ids_count;
        q.type = j->selection.selectors[0].type;
    }
    *matches = registry_match(c->space->registry, c->arena, &q);
    q_free(csf);
    return true;
}

/* ---- what they said ---- */

static void rename_members(struct call *c, const struct forward *f, struct json *entity)
{
    for (struct json *m = entity->first; m != NULL; m = m->next) {
        const char *name = ld_compact(c->ctx, c->arena, ld_expand(f->ctx, c->arena, m->key));
        m->key = name;
        m->key_length = (uint32_t)strlen(name);
        struct json *type = strcmp(name, "type") == 0 ? (m->type == JSON_ARRAY ? m->first : m) : NULL;
        for (; type != NULL; type = m->type == JSON_ARRAY ? type->next : NULL) {
            if (type->type == JSON_STRING) {
                type->string = ld_compact(c->ctx, c->arena, ld_expand(f->ctx, c->arena, type->string));
                type->length = (uint32_t)strlen(type->string);
            }
        }
    }
}

static void take(struct gather *g, struct forward *f, struct spread_history *h, bool list)
{
    gather_warn_read(g, f);
    struct json *said = forward_ok(f) ? forward_json(g, f, list ? JSON_ARRAY : JSON_OBJECT) : NULL;
    if (forward_ok(f) && f->status == 206) {
        gather_warn(g, 199, f, "it gave only a part of the history: ask for a shorter time");
    }
    for (struct json *one = list ? json_first(said) : said, *next; one != NULL; one = next) {
        next = list ? one->next : NULL;
        if (json_get_string(one, "id") != NULL) {
            one->next = NULL;
            rename_members(&g->call, f, one);
            json_append(h->entities, one);
        }
    }
}

static void answered(struct gather *g)
{
    struct asking *asking = g->user;
    struct temporal_job *j = asking->job;
    struct spread_history *h = arena_new0(g->call.arena, struct spread_history);
    h->entities = json_array(g->call.arena);
    h->page = j->page;
    for (guint i = 0; i < g->forwards->len; i++) {
        take(g, g->forwards->pdata[i], h, j->id == NULL);
    }
    j->spread = h;
    j->page.offset = 0;
    j->page.limit = LIMIT_PAGE;
    gather_reply_warnings(g);
    registry_matches_clear(&asking->matches);
    gather_hand_over(g);
    temporal_job_continue(j);
}

bool distributed_temporal(struct temporal_job *j, struct error *e)
{
    struct asking *asking = arena_new0(j->call.arena, struct asking);
    asking->job = j;
    if (!match(&j->call, j, &asking->matches, e)) {
        temporal_job_free(j);
        return false;
    }
    if (asking->matches.count == 0) {
        temporal_job_submit(j);
        return true;
    }
    struct gather *g = gather_new(&j->call);
    g->user = asking;
    for (int i = 0; i < asking->matches.count; i++) {
        ask(g, j, &asking->matches.items[i]);
    }
    gather_run(g, answered);
    return true;
}

bool distributed_temporal_found(const struct temporal_job *j)
{
    return j->spread != NULL && ((const struct spread_history *)j->spread)->entities->length > 0;
}

/* ---- joining ---- */

static const char *time_property(struct call *c)
{
    const char *property = request_query(c->request, "timeproperty");
    return property != NULL ? property : "observedAt";
}

/* Of an instance of the normalized representation. */
static const char *time_of(const struct json *instance, const char *property)
{
    const char *time = json_get_string(instance, property);
    return time != NULL ? time : json_get_string(instance, "modifiedAt");
}

static bool same_dataset(const struct json *a, const struct json *b)
{
    return g_strcmp0(json_get_string(a, "datasetId"), json_get_string(b, "datasetId")) == 0;
}

static bool has_instance(const struct json *list, const struct json *instance, const char *property)
{
    for (const struct json *i = list->first; i != NULL; i = i->next) {
        if (same_dataset(i, instance) && g_strcmp0(time_of(i, property), time_of(instance, property)) == 0) {
            return true;
        }
    }
    return false;
}

/* "values", "objects", …: the pairs of value and time of the simplified representation. */
static struct json *pairs_of(const struct json *attribute)
{
    for (struct json *m = json_is(attribute, JSON_OBJECT) ? attribute->first : NULL; m != NULL; m = m->next) {
        if (m->type == JSON_ARRAY && json_is(m->first, JSON_ARRAY)) {
            return m;
        }
    }
    return NULL;
}

static const char *pair_time(const struct json *pair)
{
    const struct json *last = json_is(pair, JSON_ARRAY) ? pair->last : NULL;
    return json_is(last, JSON_STRING) ? last->string : NULL;
}

static void join_pairs(struct arena *a, struct json *into, const struct json *more)
{
    for (const struct json *pair = more->first; pair != NULL; pair = pair->next) {
        bool known = false;
        for (const struct json *p = into->first; p != NULL && !known; p = p->next) {
            known = g_strcmp0(pair_time(p), pair_time(pair)) == 0;
        }
        if (!known) {
            json_append(into, json_copy(a, pair));
        }
    }
}

static int by_time(const void *a, const void *b, void *property)
{
    const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
    bool pairs = x->type == JSON_ARRAY;
    return g_strcmp0(pairs ? pair_time(x) : time_of(x, property),
                     pairs ? pair_time(y) : time_of(y, property));
}

/* In order of time; with lastN only the last ones. */
static void sort_instances(struct json *list, const char *property, int64_t last)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (struct json *i = list->first; i != NULL; i = i->next) {
        g_ptr_array_add(all, i);
    }
    g_ptr_array_sort_with_data(all, by_time, (void *)property);
    list->first = list->last = NULL;
    list->length = 0;
    for (guint i = last > 0 && all->len > last ? all->len - (guint)last : 0; i < all->len; i++) {
        ((struct json *)all->pdata[i])->next = NULL;
        json_append(list, all->pdata[i]);
    }
}

static struct json *as_list(struct arena *a, struct json *entity, struct json *attribute)
{
    if (attribute->type == JSON_ARRAY) {
        return attribute;
    }
    struct json *list = json_array(a);
    struct json *one = json_copy(a, attribute);
    json_append(list, one);
    return json_set(a, entity, attribute->key, list);
}

static void join_attribute(struct temporal_job *j, struct json *entity, struct json *there,
                           const struct json *more)
{
    struct arena *a = j->call.arena;
    struct json *pairs = pairs_of(there), *other = pairs_of(more);
    const char *property = time_property(&j->call);
    if (pairs != NULL && other != NULL) {
        join_pairs(a, pairs, other);
        sort_instances(pairs, property, j->q.last_n);
        return;
    }
    if (j->q.format != TEMPORAL_NORMALIZED || pairs != NULL || other != NULL) {
        return; /* figures over a time cannot be joined: those from here stand */
    }
    struct json *list = as_list(a, entity, there);
    for (const struct json *i = more->type == JSON_ARRAY ? more->first : more; i != NULL;
         i = more->type == JSON_ARRAY ? i->next : NULL) {
        if (i->type == JSON_OBJECT && !has_instance(list, i, property)) {
            json_append(list, json_copy(a, i));
        }
    }
    sort_instances(list, property, j->q.last_n);
}

static bool is_head(const char *name)
{
    static const char *const head[] = {"id",         "type",      "@context", "createdAt",
                                       "modifiedAt", "deletedAt", NULL};
    return g_strv_contains(head, name);
}

static void join_entity(struct temporal_job *j, struct json *into, const struct json *more)
{
    struct arena *a = j->call.arena;
    for (const struct json *m = more->first; m != NULL; m = m->next) {
        struct json *there = json_get(into, m->key);
        if (there == NULL) {
            json_set(a, into, m->key, json_copy(a, m));
        } else if (!is_head(m->key)) {
            join_attribute(j, into, there, m);
        }
    }
}

static void join_one(struct temporal_job *j, struct json *list, const struct json *entity)
{
    const char *id = json_get_string(entity, "id");
    for (struct json *e = list->first; e != NULL; e = e->next) {
        if (json_streq(json_get(e, "id"), id)) {
            join_entity(j, e, entity);
            return;
        }
    }
    json_append(list, json_copy(j->call.arena, entity));
}

static int by_id(const void *a, const void *b)
{
    return g_strcmp0(json_get_string(*(const struct json *const *)a, "id"),
                     json_get_string(*(const struct json *const *)b, "id"));
}

/* By id, and only what is on the page. */
static struct json *cut_page(struct temporal_job *j, struct json *list, const struct query_page *page)
{
    struct json *out = json_array(j->call.arena);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (struct json *e = list->first; e != NULL; e = e->next) {
        g_ptr_array_add(all, e);
    }
    g_ptr_array_sort(all, by_id);
    for (int64_t i = page->offset; i < (int64_t)all->len && i < page->offset + page->limit; i++) {
        ((struct json *)all->pdata[i])->next = NULL;
        json_append(out, all->pdata[i]);
    }
    j->page = *page;
    j->page.total = all->len;
    j->page.more = (int64_t)all->len > page->offset + page->limit;
    return out;
}

GString *distributed_temporal_join(struct temporal_job *j, GString *here, bool list)
{
    const struct spread_history *h = j->spread;
    struct arena *a = j->call.arena;
    struct json *known = here->len > 0 ? json_parse(a, here->str, here->len, NULL) : NULL;
    struct json *all = list && known != NULL ? known : json_array(a);
    if (!list && known != NULL) {
        json_append(all, known);
    }
    for (const struct json *e = h->entities->first; e != NULL; e = e->next) {
        join_one(j, all, e);
    }
    g_string_truncate(here, 0);
    if (list) {
        json_write(here, cut_page(j, all, &h->page));
    } else {
        json_write(here, all->first);
    }
    return here;
}
