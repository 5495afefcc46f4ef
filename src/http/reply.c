/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: texts, JSON, problem documents, and the headers that all of them carry. */
#include <string.h>
#include <zlib.h>

#include "base/log.h"
#include "http/request.h"

enum { WORTH_GZIP = 1400 }; /* bytes; below it a reply is one network packet anyhow */

static const char api_policy[] = "default-src 'none'; frame-ancestors 'none'; sandbox";
static const char web_policy[] =
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; child-src 'self' blob:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

void reply_header(struct request *r, const char *name, const char *value)
{
    struct reply_field *f = arena_new0(r->arena, struct reply_field);
    f->name = arena_strdup(r->arena, name);
    f->value = arena_strdup(r->arena, value);
    for (char *c = (char *)f->value; *c != '\0'; c++) {
        if (*c == '\r' || *c == '\n') {
            *c = ' ';
        }
    }
    f->next = r->fields;
    r->fields = f;
}

void reply_headers_clear(struct request *r)
{
    r->fields = NULL;
}

static bool has_field(const struct request *r, const char *name)
{
    for (const struct reply_field *f = r->fields; f != NULL; f = f->next) {
        if (g_ascii_strcasecmp(f->name, name) == 0) {
            return true;
        }
    }
    return false;
}

void reply_response(struct request *r, int status, const char *content_type, struct MHD_Response *response)
{
    g_assert(r->response == NULL && response != NULL); /* exactly one reply to each request */
    r->response = response;
    r->status = status;
    if (content_type != NULL && !has_field(r, "Content-Type")) {
        reply_header(r, "Content-Type", content_type);
    }
}

/* gzip of a text in memory of g_malloc, or NULL. */
static char *gzip(const char *text, size_t length, size_t *packed)
{
    z_stream z = {0};
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    size_t room = deflateBound(&z, length);
    char *out = g_malloc(room);
    z.next_in = (Bytef *)text;
    z.avail_in = (uInt)length;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    int result = deflate(&z, Z_FINISH);
    *packed = z.total_out;
    deflateEnd(&z);
    if (result != Z_STREAM_END) {
        g_clear_pointer(&out, g_free);
    }
    return out;
}

static bool is_text(const char *content_type)
{
    return content_type != NULL &&
           (strstr(content_type, "json") != NULL || g_str_has_prefix(content_type, "text/"));
}

/* Replies with text, which g_free frees. */
static void reply_owned(struct request *r, int status, const char *content_type, char *text, size_t length)
{
    if (length >= WORTH_GZIP && length < UINT32_MAX && is_text(content_type) && request_accepts_gzip(r) &&
        !has_field(r, "Content-Encoding")) {
        size_t packed;
        char *zipped = gzip(text, length, &packed);
        if (zipped != NULL) {
            g_free(text);
            text = zipped;
            length = packed;
            reply_header(r, "Content-Encoding", "gzip");
            reply_header(r, "Vary", "Accept-Encoding");
        }
    }
    struct error e = {0};
    if (!budget_take(r, length, &e)) {
        g_free(text);
        r->fields = NULL;
        reply_error(r, &e);
        return;
    }
    budget_expect(r, length);
    counter_add(&http_counters[HTTP_BYTES_OUT], (int64_t)length);
    reply_response(r, status, content_type,
                   MHD_create_response_from_buffer_with_free_callback(length, text, g_free));
}

void reply_string(struct request *r, int status, const char *content_type, GString *text)
{
    size_t length = text->len;
    reply_owned(r, status, content_type, g_string_free(text, FALSE), length);
}

void reply_table(struct request *r, const char *name, GString *table)
{
    reply_header(r, "Content-Disposition", arena_printf(r->arena, "attachment; filename=\"%s.csv\"", name));
    reply_string(r, 200, "text/csv; charset=utf-8", table);
}

void reply_text(struct request *r, int status, const char *content_type, const char *text, size_t length)
{
    reply_owned(r, status, content_type, g_memdup2(text, length), length);
}

void reply_json(struct request *r, int status, const struct json *body)
{
    GString *text = g_string_sized_new(512);
    json_write(text, body);
    reply_string(r, status, "application/json", text);
}

void reply_empty(struct request *r, int status)
{
    reply_response(r, status, NULL, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

/* ETSI GS CIM 009 V1.9.1, 5.5.3 and 6.3.3: its clients know application/json only. */
static const char *problem_type(const struct request *r)
{
    bool ngsi = r->path != NULL && g_str_has_prefix(r->path, "/ngsi-ld/");
    return ngsi ? "application/json" : "application/problem+json";
}

void reply_error(struct request *r, const struct error *e)
{
    bool chinese = request_chinese(r);
    const char *detail = chinese ? e->zh : e->en;
    GString *text = g_string_new("{\"type\":");
    json_write_string(text, error_type(e->code), strlen(error_type(e->code)));
    g_string_append(text, ",\"title\":");
    json_write_string(text, error_title(e->code, chinese), strlen(error_title(e->code, chinese)));
    g_string_append_printf(text, ",\"status\":%d,\"detail\":", error_status(e->code));
    json_write_string(text, detail, strlen(detail));
    g_string_append_c(text, '}');
    reply_header(r, "Content-Language", chinese ? "zh" : "en");
    if (e->code == ERROR_TOO_MANY_REQUESTS || e->code == ERROR_UNAVAILABLE) {
        reply_header(r, "Retry-After", "1");
    } else if (e->code == ERROR_UNAUTHENTICATED) {
        reply_header(r, "WWW-Authenticate", "Bearer");
    } else if (e->code == ERROR_METHOD_NOT_ALLOWED && r->allow != NULL) {
        reply_header(r, "Allow", r->allow);
    }
    if (e->code == ERROR_INTERNAL) {
        log_failure("http", r->path, e);
    }
    reply_string(r, error_status(e->code), problem_type(r), text);
}

static void add_common_headers(struct request *r, struct MHD_Response *response)
{
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "same-origin");
    if (!has_field(r, "Content-Security-Policy")) {
        MHD_add_response_header(response, "Content-Security-Policy",
                                r->match.route != NULL ? api_policy : web_policy);
    }
    if (r->match.route != NULL && !has_field(r, "Cache-Control")) {
        MHD_add_response_header(response, "Cache-Control", "no-store");
    }
    if (r->malformed || g_atomic_int_get(&r->server->stopping)) {
        MHD_add_response_header(response, "Connection", "close");
    }
}

static void reply_missing(struct request *r)
{
    struct error e;
    error_set(&e, ERROR_INTERNAL, "The hub has no answer to this request: a fault in the program",
              "系统没有给出应答：程序内部错误");
    reply_error(r, &e);
}

enum MHD_Result reply_queue(struct request *r)
{
    if (r->response == NULL) {
        reply_missing(r);
    }
    for (const struct reply_field *f = r->fields; f != NULL; f = f->next) {
        MHD_add_response_header(r->response, f->name, f->value);
    }
    add_common_headers(r, r->response);
    counter_add(&http_counters[HTTP_REQUESTS], 1);
    if (r->status >= 400) {
        counter_add(&http_counters[r->status < 500 ? HTTP_CLIENT_ERRORS : HTTP_SERVER_ERRORS], 1);
    }
    r->phase = REQUEST_QUEUED;
    return MHD_queue_response(r->connection, (unsigned)r->status, r->response);
}
