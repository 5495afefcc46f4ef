/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of cases, attachments, workflows and categories. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "cases/attachments.h"
#include "cases/case.h"
#include "cases/case_json.h"
#include "cases/form.h"
#include "cases/inside.h"
#include "cases/list.h"

/* ---- reading ---- */

static int yes_no(struct request *r, const char *name)
{
    const char *value = request_query(r, name);
    return value == NULL || value[0] == '\0' ? -1 : strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
}

static bool read_filter(struct request *r, struct case_filter *f, struct error *e)
{
    *f = (struct case_filter){.state = request_query_text(r, "state"),
                              .workflow = request_query_text(r, "workflow"),
                              .severity = request_query_text(r, "severity"),
                              .assignee = request_query_text(r, "assignee"),
                              .scope = request_query_text(r, "scope"),
                              .q = request_query_text(r, "q"),
                              .sort = request_query(r, "sort"),
                              .overdue = yes_no(r, "overdue"),
                              .open = yes_no(r, "open"),
                              .waiting_for = yes_no(r, "mine") == 1 ? identity_user(r) : NULL};
    return request_page(r, &f->page, e);
}

static void get_cases(struct request *r)
{
    struct error e = {0};
    struct case_filter f;
    playbook_auto p = cases_playbook();
    view_auto v = view_begin(cases_hub()->store);
    if (!read_filter(r, &f, &e)) {
        reply_error(r, &e);
        return;
    }
    if (f.page.csv) {
        GString *table = cases_table(p, v, &f, request_chinese(r), &e);
        if (table != NULL) {
            reply_table(r, "cases", table);
            return;
        }
    } else {
        struct json *body = cases_list(request_arena(r), p, v, &f, &e);
        if (body != NULL) {
            reply_json(r, 200, body);
            return;
        }
    }
    reply_error(r, &e);
}

static void reply_case(struct request *r, int status, const char *id)
{
    struct arena *a = request_arena(r);
    playbook_auto p = cases_playbook();
    view_auto v = view_begin(cases_hub()->store);
    const struct json *entity = context_get(v, a, id);
    if (entity == NULL || !context_has_type(entity, "Case")) {
        struct error e = {0};
        error_set(&e, ERROR_NOT_FOUND, "There is no case %s", "没有案件 %s", id);
        reply_error(r, &e);
        return;
    }
    reply_header(r, "ETag", arena_printf(a, "\"%" G_GINT64_FORMAT "\"", case_version(entity)));
    reply_json(r, status, case_detail(a, p, v, entity, identity_user(r)));
}

static void get_case(struct request *r)
{
    reply_case(r, 200, request_param(r, "id"));
}

static void get_workflows(struct request *r)
{
    struct arena *a = request_arena(r);
    playbook_auto p = cases_playbook();
    struct json *body = json_object(a), *items = json_add(body, "items", json_array(a));
    for (guint i = 0; i < p->workflows->len; i++) {
        json_append(items, workflow_json(a, p, p->workflows->pdata[i]));
    }
    reply_json(r, 200, body);
}

static void get_categories(struct request *r)
{
    struct arena *a = request_arena(r);
    playbook_auto p = cases_playbook();
    struct json *body = json_object(a), *items = json_add(body, "items", json_array(a));
    const char *kind = request_query(r, "kind");
    for (guint i = 0; i < p->categories->len; i++) {
        const struct category *c = p->categories->pdata[i];
        if (kind == NULL || strcmp(kind, c->component ? "component" : "matter") == 0) {
            json_append(items, category_json(a, c));
        }
    }
    reply_json(r, 200, body);
}

/* ---- writing: the request waits for its job ---- */

struct case_job {
    struct store_job job;
    struct request *request;
    struct playbook *playbook;
    bool (*run)(struct case_job *j, struct txn *t, struct error *e);
    int status;     /* of the reply when all went well */
    const char *id; /* of the case to reply with */
    struct case_action action;
    const char *text;
    struct opening opening;
    const char *workflow; /* of the opening, by name: the packs may change meanwhile */
    const struct attachment *attachment;
};

static bool job_apply(struct store_job *job, struct txn *t, struct error *e)
{
    struct case_job *j = (struct case_job *)job;
    return j->run(j, t, e);
}

static void job_reply(struct case_job *j)
{
    if (j->attachment != NULL) {
        counter_add(&cases_counters[COUNT_ATTACHMENTS], 1);
        reply_json(j->request, j->status, attachment_json(request_arena(j->request), j->attachment));
        return;
    }
    counter_add(&cases_counters[j->workflow != NULL ? COUNT_OPENED : COUNT_ACTIONS], 1);
    reply_case(j->request, j->status, j->id);
}

static void job_finish(struct case_job *j, const struct error *e)
{
    struct request *r = j->request;
    if (e == NULL) {
        job_reply(j);
    } else {
        counter_add(&cases_counters[COUNT_REFUSED], 1);
        reply_error(r, e);
    }
    playbook_unref(j->playbook);
    request_resume(r);
}

static void job_done(struct store_job *job, const struct error *e)
{
    job_finish((struct case_job *)job, e);
}

static struct case_job *job_new(struct request *r,
                                bool (*run)(struct case_job *, struct txn *, struct error *))
{
    struct case_job *j = arena_new0(request_arena(r), struct case_job);
    j->job.apply = job_apply;
    j->job.done = job_done;
    j->request = r;
    j->run = run;
    j->status = 200;
    return j;
}

/* Sends the job off; the reply comes from job_done. */
static void job_submit(struct case_job *j)
{
    struct error e = {0};
    j->playbook = cases_playbook();
    request_suspend(j->request);
    if (!store_submit(cases_hub()->store, &j->job, &e)) {
        job_finish(j, &e);
    }
}

/* ---- actions and comments ---- */

static bool run_act(struct case_job *j, struct txn *t, struct error *e)
{
    return case_act(t, request_arena(j->request), j->playbook, &j->action, e);
}

/* If-Match: "7", W/"7" or 7; * and nothing mean any. */
static bool read_version(struct request *r, int64_t *version, struct error *e)
{
    const char *text = request_header(r, "If-Match");
    *version = -1;
    if (text == NULL || strcmp(text, "*") == 0) {
        return true;
    }
    text += g_str_has_prefix(text, "W/") ? 2 : 0;
    text += *text == '"';
    char *end;
    gint64 n = g_ascii_strtoll(text, &end, 10);
    if (end == text || n < 0 || (end[0] != '\0' && strcmp(end, "\"") != 0)) {
        return error_set(e, ERROR_INVALID_REQUEST, "If-Match must be the ETag of the case, such as \"7\"",
                         "If-Match 必须是案件的 ETag,例如 \"7\"");
    }
    *version = n;
    return true;
}

struct action_fields {
    const struct json *form, *attachments;
    const char *comment;
};

static bool read_action(struct request *r, struct case_action *in, struct error *e)
{
    static const struct json_field fields[] = {
        {"form", FIELD_ANY, offsetof(struct action_fields, form), false},
        {"attachments", FIELD_ANY, offsetof(struct action_fields, attachments), false},
        {"comment", FIELD_STRING, offsetof(struct action_fields, comment), false},
        {NULL}};
    struct action_fields f = {0};
    size_t length;
    request_body(r, &length);
    if (length > 0) {
        struct json *body = request_json(r, e);
        if (body == NULL) {
            return false;
        }
        if (json_streq(json_get(body, "comment"), "") || json_is(json_get(body, "comment"), JSON_NULL)) {
            json_remove(body, "comment");
        }
        if (!json_read(body, fields, &f, false, e)) {
            return false;
        }
    }
    in->form = json_is(f.form, JSON_NULL) ? NULL : f.form;
    in->attachments = f.attachments;
    in->comment = f.comment;
    in->id = request_param(r, "id");
    in->action = request_param(r, "action");
    in->user = identity_user(r);
    return read_version(r, &in->version, e);
}

static void post_action(struct request *r)
{
    struct error e = {0};
    struct case_job *j = job_new(r, run_act);
    if (!read_action(r, &j->action, &e)) {
        reply_error(r, &e);
        return;
    }
    j->id = j->action.id;
    job_submit(j);
}

static bool run_comment(struct case_job *j, struct txn *t, struct error *e)
{
    return case_comment(t, request_arena(j->request), j->playbook, j->id, j->text, j->action.attachments,
                        identity_user(j->request), e);
}

struct comment_fields {
    const char *text;
    const struct json *attachments;
};

static void post_comment(struct request *r)
{
    static const struct json_field fields[] = {
        {"text", FIELD_STRING, offsetof(struct comment_fields, text), true},
        {"attachments", FIELD_ANY, offsetof(struct comment_fields, attachments), false},
        {NULL}};
    struct error e = {0};
    struct comment_fields f = {0};
    struct json *body = request_json(r, &e);
    if (body == NULL || !json_read(body, fields, &f, false, &e)) {
        reply_error(r, &e);
        return;
    }
    struct case_job *j = job_new(r, run_comment);
    j->id = request_param(r, "id");
    j->text = f.text;
    j->action.attachments = f.attachments;
    j->status = 201;
    job_submit(j);
}

/* ---- opening by hand ---- */

struct opening_fields {
    const char *workflow, *category, *severity, *scope, *source;
    const struct json *title, *description, *location, *attachments;
};

static const struct json_field opening_table[] = {
    {"workflow", FIELD_STRING, offsetof(struct opening_fields, workflow), false},
    {"title", FIELD_TEXT, offsetof(struct opening_fields, title), true},
    {"description", FIELD_TEXT, offsetof(struct opening_fields, description), false},
    {"category", FIELD_STRING, offsetof(struct opening_fields, category), false},
    {"severity", FIELD_STRING, offsetof(struct opening_fields, severity), false},
    {"scope", FIELD_STRING, offsetof(struct opening_fields, scope), false},
    {"source", FIELD_STRING, offsetof(struct opening_fields, source), false},
    {"location", FIELD_OBJECT, offsetof(struct opening_fields, location), false},
    {"attachments", FIELD_ARRAY, offsetof(struct opening_fields, attachments), false},
    {NULL}};

static bool text_fits(const struct json *text, size_t bytes, bool lines)
{
    if (json_is(text, JSON_STRING)) {
        return text->length > 0 && text_valid(text->string, bytes, lines);
    }
    for (const struct json *c = json_first(text); c != NULL; c = c->next) {
        if (c->length == 0 || !text_valid(c->string, bytes, lines)) {
            return false;
        }
    }
    return true;
}

static bool check_texts(const struct opening_fields *f, struct error *e)
{
    if (!text_fits(f->title, CASE_TITLE, false)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "title must be one line of 1 to %d bytes",
                         "title 须为一行1至%d字节的文本", CASE_TITLE);
    }
    return f->description == NULL || text_fits(f->description, LIMIT_TEXT, true) ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "description must be a text of 1 to %d bytes",
                     "description 须为1至%d字节的文本", LIMIT_TEXT);
}

/* Only a point: where it is. */
static bool check_location(const struct json *location, struct error *e)
{
    if (location == NULL) {
        return true;
    }
    const struct json *c = json_get(location, "coordinates");
    const struct json *lon = json_first(c), *lat = lon != NULL ? lon->next : NULL;
    bool good = json_streq(json_get(location, "type"), "Point") && json_is(c, JSON_ARRAY) && c->length == 2 &&
                json_is_number(lon) && json_is_number(lat) && fabs(json_number(lon)) <= 180 &&
                fabs(json_number(lat)) <= 90;
    return good ||
           error_set(e, ERROR_BAD_REQUEST_DATA, "location must be a GeoJSON Point with [longitude, latitude]",
                     "location 须为 GeoJSON Point:[经度, 纬度]");
}

static bool check_scope(const struct user *u, const char *scope, struct error *e)
{
    size_t n = scope != NULL ? strlen(scope) : 0;
    if (n > 0 &&
        (scope[0] != '/' || scope[n - 1] == '/' || n > LIMIT_NAME || !text_valid(scope, LIMIT_NAME, false))) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "scope is written /渝中区/大坪街道",
                         "scope 应写作 /渝中区/大坪街道");
    }
    return user_reaches(u, n > 0 ? scope : NULL) ||
           error_set(e, ERROR_FORBIDDEN, "The scope lies outside the area of your account, %s",
                     "该区域不在您账号的辖区 %s 内", u->area);
}

static bool check_codes(const struct playbook *p, const struct opening_fields *f, struct error *e)
{
    static const char *const severities[] = {"red", "orange", "yellow", "blue", NULL};
    if (f->severity != NULL && !g_strv_contains(severities, f->severity)) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "severity is one of red, orange, yellow, blue",
                         "severity 须为 red、orange、yellow、blue 之一");
    }
    if (f->source != NULL && (strlen(f->source) > LIMIT_ID || strchr(f->source, ':') == NULL ||
                              !text_valid(f->source, LIMIT_ID, false))) {
        return error_set(e, ERROR_BAD_REQUEST_DATA, "source must be the id of an entity (a URI)",
                         "source 须为实体的 id(URI)");
    }
    return f->category == NULL || playbook_category(p, f->category) != NULL ||
           error_set(e, ERROR_BAD_REQUEST_DATA,
                     "There is no category of that code (GET /api/v1/categories?kind=matter lists them)",
                     "没有该类别代码(GET /api/v1/categories?kind=matter 可查)");
}

static const struct workflow *choose_workflow(const struct playbook *p, const char *name, struct error *e)
{
    const struct workflow *w = name != NULL            ? playbook_workflow(p, name)
                               : p->workflows->len > 0 ? p->workflows->pdata[0]
                                                       : NULL;
    if (w == NULL) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "There is no such workflow (GET /api/v1/workflows lists them)",
                  "没有该流程(GET /api/v1/workflows 可查)");
    }
    return w;
}

static bool read_opening(struct request *r, const struct playbook *p, struct opening *o, struct error *e)
{
    struct opening_fields f = {0};
    const struct user *u = identity_user(r);
    struct json *body = request_json(r, e);
    if (body == NULL || !json_read(body, opening_table, &f, false, e)) {
        return false;
    }
    if (f.scope == NULL && u->area[0] != '\0') {
        f.scope = u->area;
    }
    if (!check_texts(&f, e) || !check_location(f.location, e) || !check_scope(u, f.scope, e) ||
        !check_codes(p, &f, e)) {
        return false;
    }
    *o = (struct opening){.workflow = choose_workflow(p, f.workflow, e),
                          .title = f.title,
                          .description = f.description,
                          .category = f.category,
                          .severity = f.severity,
                          .scope = f.scope,
                          .source = f.source,
                          .location = f.location,
                          .attachments = f.attachments,
                          .user = u};
    return o->workflow != NULL;
}

static bool run_open(struct case_job *j, struct txn *t, struct error *e)
{
    j->opening.workflow = playbook_workflow(j->playbook, j->workflow);
    if (j->opening.workflow == NULL) {
        return error_set(e, ERROR_CONFLICT, "The workflow has just been removed", "该流程刚刚被移除");
    }
    return case_open(t, request_arena(j->request), j->playbook, &j->opening, &j->id, e);
}

static void post_case(struct request *r)
{
    struct error e = {0};
    struct case_job *j = job_new(r, run_open);
    playbook_auto p = cases_playbook();
    if (!read_opening(r, p, &j->opening, &e)) {
        reply_error(r, &e);
        return;
    }
    j->status = 201;
    j->workflow = arena_strdup(request_arena(r), j->opening.workflow->name);
    job_submit(j);
}

/* ---- attachments ---- */

static bool run_attachment(struct case_job *j, struct txn *t, struct error *e)
{
    return attachment_put(t, request_arena(j->request), j->attachment, identity_user(j->request)->name, e);
}

static void post_attachment(struct request *r)
{
    struct error e = {0};
    struct arena *a = request_arena(r);
    int64_t length;
    const char *path = request_upload(r, &length);
    const char *escaped = request_header(r, "X-Filename");
    g_autofree char *name = escaped != NULL ? g_uri_unescape_string(escaped, NULL) : NULL;
    const struct attachment *x = attachment_take(a, cases_hub()->data_dir, path, name, &e);
    if (x == NULL) {
        reply_error(r, &e);
        return;
    }
    struct case_job *j = job_new(r, run_attachment);
    j->attachment = x;
    j->status = 201;
    job_submit(j);
}

static void get_attachment(struct request *r)
{
    struct arena *a = request_arena(r);
    const struct attachment *x = NULL;
    {
        view_auto v = view_begin(cases_hub()->store);
        x = attachment_get(v, a, request_param(r, "sha256"));
    }
    if (x == NULL) {
        struct error e = {0};
        error_set(&e, ERROR_NOT_FOUND, "There is no attachment of that digest", "没有该摘要的附件");
        reply_error(r, &e);
        return;
    }
    g_autofree char *name = g_uri_escape_string(x->name, NULL, FALSE);
    const char *how = attachment_is_image(x) ? "inline" : "attachment";
    reply_header(r, "Content-Disposition", arena_printf(a, "%s; filename*=UTF-8''%s", how, name));
    reply_header(r, "X-Content-Type-Options", "nosniff");
    reply_header(r, "Content-Security-Policy", "default-src 'none'; sandbox");
    reply_header(r, "Cache-Control", "private, max-age=31536000, immutable");
    bool text = strcmp(x->type, "text/plain") == 0;
    reply_file(r, attachment_path(a, cases_hub()->data_dir, x->sha256),
               text ? "text/plain; charset=utf-8" : x->type);
}

const struct route cases_routes[] = {
    {"GET", "/api/v1/cases", "", get_cases,
     "List cases by state, workflow, severity, assignee, area, text; mine=true: those waiting for me; "
     "format=csv",
     "案件列表,可按状态、流程、级别、承办人、区域、文字筛选;mine=true 为待我办理;format=csv 导出"},
    {"POST", "/api/v1/cases", "cases.open", post_case, "Open a case by hand", "人工开立案件"},
    {"GET", "/api/v1/cases/{id}", "", get_case, "A case with its timeline and the actions I may take now",
     "案件详情、经过及我现在可办理的操作"},
    {"POST", "/api/v1/cases/{id}/actions/{action}", "cases.act", post_action,
     "Take an action: {form, comment, attachments}; If-Match optional",
     "办理操作:{form, comment, attachments},可带 If-Match"},
    {"POST", "/api/v1/cases/{id}/comments", "cases.act", post_comment, "Add a comment", "添加意见"},
    {"POST", "/api/v1/attachments", "cases.act", post_attachment,
     "Send a file (raw body, X-Filename percent-encoded): image, PDF or plain text",
     "上传附件(原始内容,X-Filename 百分号编码):图片、PDF 或纯文本", ROUTE_UPLOAD},
    {"GET", "/api/v1/attachments/{sha256}", "", get_attachment, "Fetch an attachment", "下载附件"},
    {"GET", "/api/v1/workflows", "", get_workflows, "Workflows with states, actions and forms",
     "流程及其状态、操作、表单"},
    {"GET", "/api/v1/categories", "", get_categories,
     "Categories of components and matters; kind=matter|component", "部件与事项类别;kind=matter|component"},
    {NULL}};
