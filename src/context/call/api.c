/* SPDX-License-Identifier: Apache-2.0 */
/* The common part of the NGSI-LD operations over HTTP (clause 6.3). */
#include "context/call/api.h"

#include <string.h>
#include <sys/resource.h>

#include "base/limits.h"
#include "context/entity/ingest.h"
#include "context/query/query.h"
#include "context/terms/context_fetch.h"
#include "context/terms/hosted.h"
#include "identity/identity.h"

enum {
    DEFER_SECONDS = 15,    /* for all @contexts that one request waits for */
    LARGE_BODY = 16 << 10, /* bytes */
    MODEST = 5,            /* priority: small requests go first where all cores are busy */
};

#define CONTEXT_RELATION "http://www.w3.org/ns/json-ld#context"

static bool listed(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- parameters ---- */

struct parameter_check {
    const char *const *known;
    const char *unknown;
};

static bool check_parameter(void *user, const char *name, const char *value)
{
    struct parameter_check *check = user;
    if (!listed(check->known, name)) {
        check->unknown = name;
    }
    return check->unknown == NULL;
}

static bool check_parameters(struct call *c, const struct operation *o, struct error *e)
{
    struct parameter_check check = {o->parameters, NULL};
    request_each_query(c->request, check_parameter, &check);
    if (check.unknown == NULL) {
        return true;
    }
    g_autofree char *known = g_strjoinv(" ", (char **)o->parameters);
    return error_set(e, ERROR_INVALID_REQUEST, "The parameter \"%.60s\" is not known here; known are: %s",
                     "此处不支持参数“%.60s”；支持的参数有：%s", check.unknown, known);
}

static bool take_option(struct call *c, const char *word, struct error *e)
{
    static const struct {
        const char *word;
        unsigned option;
        int format;
    } words[] = {
        {"sysAttrs", CALL_SYS_ATTRS, -1},
        {"noOverwrite", CALL_NO_OVERWRITE, -1},
        {"update", CALL_UPDATE, -1},
        {"replace", CALL_REPLACE, -1},
        {"count", CALL_COUNT, -1},
        {"normalized", 0, RENDER_NORMALIZED},
        {"concise", 0, RENDER_CONCISE},
        {"simplified", 0, RENDER_SIMPLIFIED},
        {"keyValues", 0, RENDER_SIMPLIFIED},
        {"temporalValues", CALL_TEMPORAL_VALUES, -1},
        {"aggregatedValues", CALL_AGGREGATED_VALUES, -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            c->options |= words[i].option;
            c->format = words[i].format >= 0 ? (enum render_format)words[i].format : c->format;
            return true;
        }
    }
    return error_set(e, ERROR_INVALID_REQUEST, "\"%.60s\" is not an option", "“%.60s”不是可用的选项", word);
}

static bool read_options(struct call *c, const struct operation *o, struct error *e)
{
    const char *options = request_query(c->request, "options");
    const char *format = request_query(c->request, "format");
    g_auto(GStrv) words = options != NULL ? g_strsplit(options, ",", 20) : NULL;
    for (char **word = words; word != NULL && *word != NULL; word++) {
        const char *name = g_strstrip(*word);
        if (!listed(o->options, name)) {
            g_autofree char *known = o->options != NULL ? g_strjoinv(" ", (char **)o->options) : g_strdup("");
            return error_set(e, ERROR_INVALID_REQUEST, "options=%.60s is not known here; known are: %s",
                             "此处不支持 options=%.60s；支持的有：%s", name, known);
        }
        if (!take_option(c, name, e)) {
            return false;
        }
    }
    static const char *const formats[] = {"normalized",     "concise",          "simplified", "keyValues",
                                          "temporalValues", "aggregatedValues", NULL};
    static const char *const plain_formats[] = {"normalized", "concise", "simplified", "keyValues", NULL};
    const char *const *known = o->formats != NULL ? o->formats : o->temporal ? formats : plain_formats;
    if (format != NULL && !listed(known, format)) {
        g_autofree char *list = g_strjoinv(", ", (char **)known);
        return error_set(e, ERROR_INVALID_REQUEST, "format=%.40s: known are %s", "format=%.40s：可用 %s",
                         format, list);
    }
    return format == NULL || o->formats != NULL || take_option(c, format, e);
}

bool call_flag(struct call *c, const char *name, bool *value, struct error *e)
{
    const char *text = request_query(c->request, name);
    *value = text != NULL && strcmp(text, "true") == 0;
    return text == NULL || *value || strcmp(text, "false") == 0 ||
           error_set(e, ERROR_INVALID_REQUEST, "%s must be true or false", "%s 只能是 true 或 false", name);
}

const char *call_id(struct call *c, struct error *e)
{
    const char *id = request_param(c->request, "id");
    return ingest_uri("id", id, strlen(id), e) ? id : NULL;
}

const char *call_attribute(struct call *c, struct error *e)
{
    return ingest_attribute_name(c->arena, c->ctx, request_param(c->request, "attr"), e);
}

/* ---- media types ---- */

static const char *const media_types[] = {[MEDIA_JSON] = "application/json",
                                          [MEDIA_LD_JSON] = "application/ld+json",
                                          [MEDIA_GEO_JSON] = "application/geo+json",
                                          [MEDIA_CSV] = "text/csv"};

/* The weight that an Accept header gives a media type; -1 when it is not in it. */
static double accept_weight(const char *accept, const char *type)
{
    g_auto(GStrv) ranges = g_strsplit(accept, ",", 50);
    size_t slash = (size_t)(strchr(type, '/') - type) + 1;
    double best = -1;
    int best_detail = -1;
    for (char **range = ranges; *range != NULL; range++) {
        char *parameters = strchr(*range, ';');
        const char *q = parameters != NULL ? strstr(parameters, "q=") : NULL;
        double weight = q != NULL ? g_ascii_strtod(q + 2, NULL) : 1;
        if (parameters != NULL) {
            *parameters = '\0';
        }
        const char *name = g_strstrip(*range);
        int detail = g_ascii_strcasecmp(name, type) == 0                                             ? 2
                     : g_ascii_strncasecmp(name, type, slash) == 0 && strcmp(name + slash, "*") == 0 ? 1
                     : strcmp(name, "*/*") == 0                                                      ? 0
                                                                                                     : -1;
        if (detail > best_detail) {
            best_detail = detail;
            best = weight;
        }
    }
    return best;
}

static bool choose_media(struct call *c, const struct operation *o, struct error *e)
{
    const struct {
        const char *type;
        bool offered;
    } media[] = {[MEDIA_JSON] = {media_types[MEDIA_JSON], true},
                 [MEDIA_LD_JSON] = {media_types[MEDIA_LD_JSON], true},
                 [MEDIA_GEO_JSON] = {media_types[MEDIA_GEO_JSON], o->geojson},
                 [MEDIA_CSV] = {media_types[MEDIA_CSV], o->csv}};
    const char *accept = request_header(c->request, "Accept");
    double best = 0;
    c->accept = MEDIA_JSON;
    if (accept == NULL || *accept == '\0') {
        return true;
    }
    g_autoptr(GString) offers = g_string_new(NULL);
    for (size_t m = 0; m < G_N_ELEMENTS(media); m++) {
        double weight = media[m].offered ? accept_weight(accept, media[m].type) : 0;
        if (weight > best) {
            best = weight;
            c->accept = (enum media)m;
        }
        if (media[m].offered) {
            g_string_append_printf(offers, "%s%s", offers->len > 0 ? ", " : "", media[m].type);
        }
    }
    return best > 0 ||
           error_set(e, ERROR_NOT_ACCEPTABLE, "This can be had as %s", "可提供的格式为 %s", offers->str);
}

/* The media type of the body without its parameters. */
static bool content_is(struct call *c, const char *type)
{
    const char *value = request_header(c->request, "Content-Type");
    size_t n = strlen(type);
    return value != NULL && g_ascii_strncasecmp(value, type, n) == 0 &&
           (value[n] == '\0' || value[n] == ';' || value[n] == ' ');
}

bool call_is_ld(struct call *c)
{
    return content_is(c, "application/ld+json");
}

static bool check_content_type(struct call *c, struct error *e)
{
    if (request_header(c->request, "Content-Length") == NULL &&
        request_header(c->request, "Transfer-Encoding") == NULL) {
        return error_set(e, ERROR_LENGTH_REQUIRED, "A body with a Content-Length is needed",
                         "需要带 Content-Length 的正文");
    }
    bool patch = strcmp(request_method(c->request), "PATCH") == 0;
    return content_is(c, "application/json") || call_is_ld(c) ||
           (patch && content_is(c, "application/merge-patch+json")) ||
           error_set(e, ERROR_UNSUPPORTED_MEDIA,
                     "The Content-Type must be application/json or application/ld+json",
                     "Content-Type 必须是 application/json 或 application/ld+json");
}

/* ---- @context ---- */

/* The target of the one link to a @context in a Link header (RFC 8288); *url NULL when there is none. */
static bool find_context_link(struct call *c, const char **url, struct error *e)
{
    const char *p = request_header(c->request, "Link");
    *url = NULL;
    while (p != NULL && (p = strchr(p, '<')) != NULL) {
        const char *end = strchr(p, '>');
        if (end == NULL) {
            break;
        }
        const char *next = strchr(end, '<');
        g_autofree char *parameters = g_strndup(end, next != NULL ? (gsize)(next - end) : strlen(end));
        if (strstr(parameters, CONTEXT_RELATION) != NULL) {
            if (*url != NULL) {
                return error_set(e, ERROR_BAD_REQUEST_DATA, "The Link header has more than one @context",
                                 "Link 头中有多个 @context");
            }
            *url = arena_strndup(c->arena, p + 1, (size_t)(end - p - 1));
        }
        p = next;
    }
    return true;
}

static bool read_link(struct call *c, struct error *e)
{
    const char *url;
    if (!find_context_link(c, &url, e)) {
        return false;
    }
    if (url == NULL) {
        return true;
    }
    c->context_value = json_string(c->arena, url);
    return ld_context_parse(c->context_value, hosted_loader(), &c->ctx, e);
}

/* Takes the "@context" of an object: needed with application/ld+json, refused otherwise. */
static bool body_context(struct call *c, const struct json *object, const struct json **value,
                         struct error *e)
{
    *value = json_get(object, "@context");
    if (!call_is_ld(c)) {
        return *value == NULL || error_set(e, ERROR_BAD_REQUEST_DATA,
                                           "With application/json the @context goes into the Link header; to "
                                           "have it in the body, send application/ld+json",
                                           "使用 application/json 时 @context 应放在 Link "
                                           "头中；若要放在正文，请使用 application/ld+json");
    }
    if (c->context_value != NULL) {
        return error_set(
            e, ERROR_BAD_REQUEST_DATA,
            "With application/ld+json the @context stands in the body only, not in a Link header",
            "使用 application/ld+json 时 @context 只能在正文中，不能在 Link 头中");
    }
    return *value != NULL ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "application/ld+json needs an @context in the body",
                     "application/ld+json 的正文需要 @context");
}

bool call_element_context(struct call *c, const struct json *element, struct ld_context **ctx,
                          struct error *e)
{
    const struct json *value;
    *ctx = NULL;
    if (!call_is_ld(c) && json_get(element, "@context") == NULL) {
        *ctx = ld_context_ref(c->ctx);
        return true;
    }
    return body_context(c, element, &value, e) && ld_context_parse(value, hosted_loader(), ctx, e);
}

/* Fetches what the elements of a batch name before any is looked at; each answers for what is not to be had.
 */
static bool have_contexts(struct call *c, const struct json *array, struct error *e)
{
    for (const struct json *x = call_is_ld(c) ? array->first : NULL; x != NULL; x = x->next) {
        const struct json *value = json_get(x, "@context");
        ld_context_auto ctx = NULL;
        struct error failure = {0};
        if (value != NULL && !ld_context_parse(value, hosted_loader(), &ctx, &failure) &&
            hosted_is_wanted()) {
            *e = failure;
            return false;
        }
    }
    return true;
}

struct json *call_body(struct call *c, struct error *e)
{
    const struct json *value = NULL;
    if (!check_content_type(c, e)) {
        return NULL;
    }
    struct json *body = request_json(c->request, e);
    if (body != NULL && body->type == JSON_ARRAY) {
        return have_contexts(c, body, e) ? body : NULL;
    }
    if (body == NULL) {
        return NULL;
    }
    if (!body_context(c, body, &value, e)) {
        return NULL;
    }
    if (value != NULL) {
        if (!ld_context_parse(value, hosted_loader(), &c->ctx, e)) {
            return NULL;
        }
        c->context_value = value;
    }
    return body;
}

bool call_notified_context(struct call *c, const struct json *body, const struct json **value,
                           struct error *e)
{
    const struct json *endpoint = json_get(json_get(body, "notification"), "endpoint");
    const char *accept = json_get_string(endpoint, "accept");
    const char *host = request_header(c->request, "Host");
    const char *proto = request_header(c->request, "X-Forwarded-Proto");
    *value = c->context_value;
    if (*value == NULL || json_is(*value, JSON_STRING) || json_get(body, "jsonldContext") != NULL ||
        host == NULL || strpbrk(host, "<>\"/ ") != NULL || g_strcmp0(accept, "application/ld+json") == 0) {
        return true;
    }
    const char *base =
        arena_printf(c->arena, "%s://%s", g_strcmp0(proto, "https") == 0 ? "https" : "http", host);
    const char *url = hosted_implicit(c->arena, *value, base, e);
    *value = url != NULL ? json_string(c->arena, url) : NULL;
    return url != NULL;
}

/* ---- serving ---- */

/* A header that names a space; *name NULL when there is none. */
static bool space_header(struct call *c, const char *header, const char **name, struct error *e)
{
    const char *value = request_header(c->request, header);
    if (value == NULL && request_has_header(c->request, header)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "The header %s is no UTF-8", "%s 头不是有效的 UTF-8",
                         header);
    }
    *name = value != NULL && *value != '\0' ? value : NULL;
    return true;
}

static bool choose_snapshot(struct call *c, const struct operation *o, const char *id, struct error *e)
{
    if (!ingest_uri("NGSILD-Snapshot", id, strlen(id), e)) {
        return false;
    }
    reply_header(c->request, "NGSILD-Snapshot", id);
    if (o->no_snapshot) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "This is not done in a snapshot: leave out the header NGSILD-Snapshot",
                         "该操作不能在快照中进行：请去掉 NGSILD-Snapshot 头");
    }
    struct space *of = c->space;
    c->space = space_snapshot(of, id, true, e);
    space_unref(of);
    return c->space != NULL;
}

/* The space that the headers name (6.3.14, 6.3.22). Any tenant but the default one needs the permission for
 * it. */
static bool choose_space(struct call *c, const struct operation *o, struct error *e)
{
    const char *tenant, *snapshot;
    c->space = space_default();
    if (!space_header(c, "NGSILD-Tenant", &tenant, e) || !space_header(c, "NGSILD-Snapshot", &snapshot, e) ||
        (tenant != NULL && !tenant_name_valid(tenant, e))) {
        return false;
    }
    if (tenant != NULL) {
        reply_header(c->request, "NGSILD-Tenant", tenant);
    }
    if (o->shared) {
        return true;
    }
    if (tenant != NULL) {
        c->space = identity_require(c->request, "tenants", e)
                       ? space_tenant(tenant, o->creates && snapshot == NULL, e)
                       : NULL;
    }
    return c->space != NULL && (snapshot == NULL || choose_snapshot(c, o, snapshot, e));
}

/* A request that begins again when a @context that it names has been fetched. */
struct deferred {
    struct request *request;
    const struct operation *operation;
    gint64 until;
};

/* Answers the request, or hands it on, or returns false with e set. *wanted: a @context to be fetched first.
 */
static bool serve(struct request *r, const struct operation *o, const char **wanted, struct error *e)
{
    struct call c = {.request = r,
                     .arena = request_arena(r),
                     .space = space_ref(space_default()),
                     .chinese = request_chinese(r)};
    hosted_wait_begin();
    bool ok = choose_space(&c, o, e) && check_parameters(&c, o, e) && read_options(&c, o, e) &&
              choose_media(&c, o, e) && read_link(&c, e) && o->run(&c, e);
    *wanted = hosted_wanted();
    ld_context_unref(c.ctx);
    space_unref(c.space);
    return ok;
}

static void serve_again(void *user, const struct error *failure);

/* Fetches for a request that is suspended; false when it cannot. */
static bool defer(struct deferred *d, const char *wanted)
{
    struct error ignored;
    return g_get_monotonic_time() < d->until && context_fetch(wanted, serve_again, d, &ignored);
}

static void serve_again(void *user, const struct error *failure)
{
    struct deferred *d = user;
    struct request *r = d->request;
    const char *wanted;
    struct error e = {0};
    reply_headers_clear(r);
    bool ok = serve(r, d->operation, &wanted, &e);
    if (!ok && wanted != NULL && defer(d, wanted)) {
        return;
    }
    if (!ok) {
        reply_error(r, &e);
    }
    g_free(d);
    request_resume(r);
}

/* ---- large bodies: read by threads of their own, so that small requests need not wait behind them ---- */

static GThreadPool *large;

static void serve_large(void *user, void *unused)
{
    static _Thread_local bool modest;
    if (!modest) {
        modest = true;
        setpriority(PRIO_PROCESS, 0, MODEST); /* of this thread alone */
    }
    serve_again(user, NULL);
}

void call_start(void)
{
    large = g_thread_pool_new(serve_large, NULL, (int)g_get_num_processors(), TRUE, NULL);
}

void call_stop(void)
{
    if (large != NULL) {
        g_thread_pool_free(g_steal_pointer(&large), FALSE, TRUE);
    }
}

static struct deferred *deferred_new(struct request *r, const struct operation *o)
{
    struct deferred *d = g_new(struct deferred, 1);
    *d = (struct deferred){r, o, g_get_monotonic_time() + DEFER_SECONDS * G_USEC_PER_SEC};
    return d;
}

void call_serve(struct request *r, const struct operation *o)
{
    size_t length;
    request_body(r, &length);
    if (length >= LARGE_BODY) {
        request_suspend(r);
        g_thread_pool_push(large, deferred_new(r, o), NULL);
        return;
    }
    const char *wanted;
    struct error e = {0};
    bool ok = serve(r, o, &wanted, &e);
    if (ok) {
        return;
    }
    if (wanted != NULL) {
        struct deferred *d = deferred_new(r, o);
        request_suspend(r);
        if (defer(d, wanted)) {
            return;
        }
        g_free(d);
        reply_error(r, &e);
        request_resume(r);
        return;
    }
    reply_error(r, &e);
}

/* ---- representations ---- */

/* attrs keeps id, type and scope besides the attributes. */
static const char *const *with_head(struct arena *a, const char *const *attrs)
{
    static const char *const head[] = {"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"};
    size_t n = g_strv_length((char **)attrs);
    const char **all = arena_array(a, const char *, n + G_N_ELEMENTS(head) + 1);
    memcpy(all, attrs, n * sizeof *all);
    memcpy(all + n, head, sizeof head);
    return all;
}

const char *call_preference(struct call *c, const char *name)
{
    const char *prefer = request_header(c->request, "Prefer");
    if (prefer == NULL) {
        return NULL;
    }
    g_auto(GStrv) all = g_strsplit(prefer, ",", 50);
    for (char **one = all; *one != NULL; one++) {
        char *value = strchr(*one, '=');
        if (value == NULL) {
            continue;
        }
        *value++ = '\0';
        value[strcspn(value, ";")] = '\0'; /* parameters of the preference */
        value = g_strstrip(value);
        size_t n = strlen(value);
        bool quoted = n > 1 && value[0] == '"' && value[n - 1] == '"';
        if (g_ascii_strcasecmp(g_strstrip(*one), name) == 0) {
            return arena_strndup(c->arena, value + quoted, n - 2 * (size_t)quoted);
        }
    }
    return NULL;
}

const struct json *call_context_member(struct call *c)
{
    bool in_link = c->accept == MEDIA_JSON ||
                   (c->accept == MEDIA_GEO_JSON && g_strcmp0(call_preference(c, "body"), "json") == 0);
    if (in_link) {
        return NULL;
    }
    return c->context_value != NULL ? c->context_value : json_string(c->arena, LD_CORE_CONTEXT);
}

bool call_projection(struct call *c, const char *pick, const char *attrs, struct render *out, struct error *e)
{
    if (pick != NULL) {
        out->pick_tree = projection_parse(c->arena, c->ctx, pick, e);
        out->pick = out->pick_tree != NULL ? out->pick_tree->names : NULL;
        return out->pick != NULL;
    }
    if (attrs != NULL) {
        const char *const *names = query_names(c->arena, c->ctx, attrs, NULL, e);
        out->pick = names != NULL ? with_head(c->arena, names) : NULL;
        return names != NULL;
    }
    return true;
}

bool call_omission(struct call *c, const char *omit, struct render *out, struct error *e)
{
    if (omit != NULL) {
        out->omit_tree = projection_parse(c->arena, c->ctx, omit, e);
        out->omit = out->omit_tree != NULL ? out->omit_tree->plain : NULL;
    }
    return omit == NULL || out->omit != NULL;
}

bool call_datasets(struct call *c, const char *text, struct render *out, struct error *e)
{
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ",", LIMIT_QUERY_IDS);
    guint n = g_strv_length(parts);
    if (text == NULL) {
        return true;
    }
    const char **datasets = arena_array(c->arena, const char *, n + 1);
    for (guint i = 0; i < n; i++) {
        datasets[i] = arena_strdup(c->arena, parts[i]);
        if (strcmp(parts[i], "@none") != 0 && !ingest_uri("datasetId", parts[i], strlen(parts[i]), e)) {
            return false;
        }
    }
    out->datasets = datasets;
    return true;
}

bool call_render(struct call *c, struct render *out, struct error *e)
{
    struct request *r = c->request;
    const char *omit = request_query(r, "omit");
    const char *geometry = request_query(r, "geometryProperty");
    *out = (struct render){.arena = c->arena,
                           .ctx = c->ctx,
                           .format = c->format,
                           .sys_attrs = (c->options & CALL_SYS_ATTRS) != 0,
                           .lang = request_query(r, "lang"),
                           .context_value = call_context_member(c)};
    if (geometry != NULL && c->accept != MEDIA_GEO_JSON) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "geometryProperty is for GeoJSON: send Accept: application/geo+json with it",
                         "geometryProperty 只用于 GeoJSON：请同时发送 Accept: application/geo+json");
    }
    if (geometry != NULL && (out->geometry_property = ingest_name(c->arena, c->ctx, geometry, e)) == NULL) {
        return false;
    }
    if (out->lang != NULL && !render_language_check(out->lang, e)) {
        return false;
    }
    return call_omission(c, omit, out, e) && call_datasets(c, request_query(r, "datasetId"), out, e) &&
           call_projection(c, request_query(r, "pick"), request_query(r, "attrs"), out, e);
}

static const char *context_link(struct call *c)
{
#define AFTER_URL ">; rel=\"" CONTEXT_RELATION "\"; type=\"application/ld+json\""
    return json_is(c->context_value, JSON_STRING)
               ? arena_printf(c->arena, "<%s" AFTER_URL, c->context_value->string)
               : "<" LD_CORE_CONTEXT AFTER_URL;
}

const char *call_media_type(const struct call *c)
{
    return media_types[c->accept];
}

void call_reply(struct call *c, int status, GString *text, const char *links)
{
    const char *context = call_context_member(c) == NULL ? context_link(c) : NULL;
    if (context != NULL && links != NULL) {
        context = arena_printf(c->arena, "%s, %s", context, links);
    }
    if (context != NULL || links != NULL) {
        reply_header(c->request, "Link", context != NULL ? context : links);
    }
    reply_string(c->request, status, call_media_type(c), text);
}

/* ---- writes ---- */

static bool apply_job(struct store_job *job, struct txn *t, struct error *e)
{
    struct write_call *w = (struct write_call *)job;
    return w->apply(w, t, e);
}

void write_call_clear(struct write_call *w)
{
    if (w->clear != NULL) {
        w->clear(w);
    }
    type_query_free(w->type);
    ld_context_unref(w->ctx);
    space_unref(w->space);
}

static void job_done(struct store_job *job, const struct error *e)
{
    struct write_call *w = (struct write_call *)job;
    struct request *r = w->request;
    if (e != NULL) {
        reply_error(r, e);
    } else {
        w->reply(w);
    }
    write_call_clear(w);
    request_resume(r);
}

const char *call_user(struct call *c)
{
    const struct user *user = identity_user(c->request);
    return arena_strdup(c->arena, user != NULL ? user->name : "anonymous");
}

static const char *expand_name(void *user, struct arena *a, const char *name)
{
    return ld_expand(user, a, name);
}

/* The parameters observedAt and lang of a merge (6.5.3.4). */
static bool read_common(struct write_call *w, struct call *c, struct error *e)
{
    enum { MAX_TAG = 35 };
    const char *observed = request_query(c->request, "observedAt");
    const char *lang = request_query(c->request, "lang");
    char text[INSTANT_TEXT];
    instant at;
    if (observed != NULL && !instant_parse(observed, strlen(observed), NULL, &at)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "observedAt must be a time with a zone such as 2026-03-01T08:30:00Z",
                         "observedAt 必须是带时区的时间，如 2026-03-01T08:30:00Z");
    }
    size_t n = lang != NULL ? strlen(lang) : 1;
    if (n == 0 || n > MAX_TAG ||
        (lang != NULL &&
         strspn(lang, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != n)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "lang must be one language tag such as zh or en-GB",
                         "lang 必须是一个语言标签，如 zh、en-GB");
    }
    w->how.observed = observed != NULL ? arena_strdup(c->arena, instant_format(at, text)) : NULL;
    w->how.lang = lang;
    return true;
}

bool write_call_init(struct write_call *w, struct call *c, enum context_mode mode, int flags, struct error *e)
{
    const char *type = request_query(c->request, "type");
    struct expr_names names = {expand_name, c->ctx};
    w->job.apply = apply_job;
    w->job.done = job_done;
    w->request = c->request;
    w->arena = c->arena;
    w->chinese = c->chinese;
    w->how = (struct write){.mode = mode, .flags = flags, .by = call_user(c)};
    w->reply = reply_no_content;
    if (mode == CONTEXT_MERGE && !read_common(w, c, e)) {
        return false;
    }
    if (type != NULL) {
        w->type = type_query_compile(type, &names, e);
        w->how.type = w->type;
        if (w->type == NULL) {
            return false;
        }
    }
    w->ctx = ld_context_ref(c->ctx);
    w->space = space_ref(c->space);
    return true;
}

struct write_call *write_call_new(struct call *c, enum context_mode mode, int flags, struct error *e)
{
    struct write_call *w = arena_new0(c->arena, struct write_call);
    return write_call_init(w, c, mode, flags, e) ? w : NULL;
}

void write_call_submit(struct write_call *w)
{
    struct request *r = w->request;
    struct error refused = {0};
    request_suspend(r);
    if (!store_submit(w->space->store, &w->job, &refused)) {
        reply_error(r, &refused);
        write_call_clear(w);
        request_resume(r);
    }
}

void reply_no_content(struct write_call *w)
{
    reply_empty(w->request, 204);
}
