/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler can ask of its request. */
#include "http/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/limits.h"

struct arena *request_arena(struct request *r)
{
    return r->arena;
}

const char *request_method(struct request *r)
{
    return r->method;
}

const char *request_path(struct request *r)
{
    return r->path;
}

const char *request_param(struct request *r, const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < r->match.count; i++) {
        if (r->match.params[i].name_length == length && memcmp(r->match.params[i].name, name, length) == 0) {
            return r->match.params[i].value;
        }
    }
    return "";
}

const char *request_query(struct request *r, const char *name)
{
    for (const struct query_parameter *p = r->query; p != NULL; p = p->next) {
        if (strcmp(p->name, name) == 0) {
            return p->value;
        }
    }
    return NULL;
}

void request_each_query(struct request *r, bool (*each)(void *user, const char *name, const char *value),
                        void *user)
{
    for (const struct query_parameter *p = r->query; p != NULL && each(user, p->name, p->value);
         p = p->next) {
    }
}

const char *request_header(struct request *r, const char *name)
{
    const char *value = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
    return value != NULL && g_utf8_validate(value, -1, NULL) ? value : NULL;
}

bool request_has_header(struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name) != NULL;
}

const char *request_body(struct request *r, size_t *length)
{
    *length = r->length;
    return r->body != NULL ? r->body : "";
}

struct json *request_json(struct request *r, struct error *e)
{
    if (r->json == NULL && r->length == 0) {
        error_set(e, ERROR_INVALID_REQUEST, "The request needs a JSON body and has none",
                  "该请求需要 JSON 内容，但没有收到");
    } else if (r->json == NULL) {
        r->json = json_parse(r->arena, r->body, r->length, e);
    }
    return r->json;
}

const char *request_upload(struct request *r, int64_t *length)
{
    *length = r->received;
    return r->upload;
}

bool request_chinese(struct request *r)
{
    const char *lang = request_query(r, "lang");
    if (lang != NULL) {
        return g_ascii_strncasecmp(lang, "en", 2) != 0;
    }
    return decode_prefers_chinese(request_header(r, "Accept-Language"));
}

static const char *socket_peer(struct request *r, bool *loopback)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char text[INET6_ADDRSTRLEN] = "";
    if (info != NULL && info->client_addr->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr, text,
                  sizeof text);
    } else if (info != NULL && info->client_addr->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr, text,
                  sizeof text);
    }
    *loopback = strncmp(text, "127.", 4) == 0 || strcmp(text, "::1") == 0;
    return arena_strdup(r->arena, text);
}

/* Behind a proxy on this machine the peer is the last address that the proxy added to X-Forwarded-For. */
const char *request_peer(struct request *r)
{
    if (r->peer == NULL) {
        bool loopback;
        r->peer = socket_peer(r, &loopback);
        const char *forwarded = loopback ? request_header(r, "X-Forwarded-For") : NULL;
        const char *comma = forwarded != NULL ? strrchr(forwarded, ',') : NULL;
        if (forwarded != NULL) {
            r->peer = g_strstrip(arena_strdup(r->arena, comma != NULL ? comma + 1 : forwarded));
        }
    }
    return r->peer;
}

void request_set_user(struct request *r, void *user, void (*free_user)(void *user))
{
    if (r->free_user != NULL) {
        r->free_user(r->user);
    }
    r->user = user;
    r->free_user = free_user;
}

void *request_user(struct request *r)
{
    return r->user;
}

bool request_query_int(struct request *r, const char *name, int64_t low, int64_t high, int64_t otherwise,
                       int64_t *value, struct error *e)
{
    const char *text = request_query(r, name);
    if (text == NULL) {
        *value = otherwise;
        return true;
    }
    gint64 number;
    if (!g_ascii_string_to_signed(text, 10, low, high, &number, NULL)) {
        return error_set(e, ERROR_INVALID_REQUEST,
                         "%s=%.40s: expected a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                         "%s=%.40s：应为 %" G_GINT64_FORMAT " 到 %" G_GINT64_FORMAT " 之间的整数", name, text,
                         low, high);
    }
    *value = number;
    return true;
}

const char *request_query_text(struct request *r, const char *name)
{
    const char *text = request_query(r, name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

bool request_query_time(struct request *r, const char *name, instant otherwise, instant *at, struct error *e)
{
    static const int district = 480;
    const char *text = request_query_text(r, name);
    if (text == NULL) {
        *at = otherwise;
        return true;
    }
    g_autofree char *midnight = g_strdup_printf("%sT00:00:00", text);
    return instant_parse(text, strlen(text), &district, at) ||
           instant_parse(midnight, strlen(midnight), &district, at) ||
           error_set(e, ERROR_INVALID_REQUEST,
                     "%s must be a time like 2026-03-01T08:00:00Z or a day like 2026-03-01",
                     "%s 应为时间（如 2026-03-01T08:00:00Z）或日期（如 2026-03-01）", name);
}

bool request_page(struct request *r, struct list_page *page, struct error *e)
{
    page->csv = g_strcmp0(request_query(r, "format"), "csv") == 0;
    int64_t most = page->csv ? LIMIT_EXPORT : LIMIT_PAGE;
    return request_query_int(r, "limit", 0, most, page->csv ? most : 50, &page->limit, e) &&
           request_query_int(r, "offset", 0, INT32_MAX, 0, &page->offset, e);
}

bool request_accepts_gzip(struct request *r)
{
    return decode_weight(request_header(r, "Accept-Encoding"), "gzip") > 0;
}

bool request_accepts(struct request *r, const char *type)
{
    return decode_weight(request_header(r, "Accept"), type) > 0;
}

void request_suspend(struct request *r)
{
    if (g_atomic_int_add(&r->holds, 1) > 0) {
        return;
    }
    g_assert(r->phase == REQUEST_HANDLED && !r->suspended);
    r->suspended = true;
    g_atomic_int_inc(&r->server->suspended);
    MHD_suspend_connection(r->connection);
}

void request_resume(struct request *r)
{
    struct http_server *s = r->server;
    if (!g_atomic_int_dec_and_test(&r->holds)) {
        return;
    }
    MHD_resume_connection(r->connection);
    g_atomic_int_add(&s->suspended, -1);
}
