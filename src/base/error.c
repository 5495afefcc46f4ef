/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: the table from code to HTTP status, type and title. */
#include "base/error.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NGSI "https://uri.etsi.org/ngsi-ld/errors/"

static const struct {
    int status;
    const char *type;
    const char *en;
    const char *zh;
} table[] = {
    [ERROR_NONE] = {200, "about:blank", "OK", "正常"},
    [ERROR_BAD_REQUEST_DATA] = {400, NGSI "BadRequestData", "The content is not valid", "内容不正确"},
    [ERROR_INVALID_REQUEST] = {400, NGSI "InvalidRequest", "The request is not valid", "请求格式不正确"},
    [ERROR_UNAUTHENTICATED] = {401, "about:blank", "Sign in first", "请先登录"},
    [ERROR_FORBIDDEN] = {403, "about:blank", "Not permitted", "没有权限"},
    [ERROR_NOT_FOUND] = {404, NGSI "ResourceNotFound", "Not found", "找不到"},
    [ERROR_METHOD_NOT_ALLOWED] = {405, "about:blank", "Method not allowed", "不支持该方法"},
    [ERROR_NOT_ACCEPTABLE] = {406, "about:blank", "Not acceptable", "无法提供所要求的格式"},
    [ERROR_ALREADY_EXISTS] = {409, NGSI "AlreadyExists", "Already exists", "已经存在"},
    [ERROR_CONFLICT] = {409, NGSI "Conflict", "Not possible in this state", "当前状态不允许"},
    [ERROR_LENGTH_REQUIRED] = {411, "about:blank", "Length required", "缺少内容长度"},
    [ERROR_TOO_LARGE] = {413, "about:blank", "Too large", "内容过大"},
    [ERROR_UNSUPPORTED_MEDIA] = {415, "about:blank", "Unsupported media type", "不支持的内容类型"},
    [ERROR_NOT_SUPPORTED] = {422, NGSI "OperationNotSupported", "Not supported", "不支持该操作"},
    [ERROR_TOO_MANY_REQUESTS] = {429, "about:blank", "Too many requests", "请求过多"},
    [ERROR_INTERNAL] = {500, NGSI "InternalError", "Internal error", "内部错误"},
    [ERROR_UNAVAILABLE] = {503, "about:blank", "Not available now", "暂时无法提供服务"},
    [ERROR_CONTEXT_UNAVAILABLE] = {504, NGSI "LdContextNotAvailable", "@context not available",
                                   "无法取得 @context"},
    [ERROR_STORAGE_FULL] = {507, "about:blank", "Storage is full", "存储空间已满"},
    [ERROR_TOO_COMPLEX] = {403, NGSI "TooComplexQuery", "The query is too complex", "查询过于复杂"},
    [ERROR_TOO_MANY_RESULTS] = {403, NGSI "TooManyResults", "Too many results", "结果过多"},
    [ERROR_NO_TENANT] = {404, NGSI "NonexistentTenant", "No such tenant", "租户不存在"},
    [ERROR_BAD_GATEWAY] = {502, "about:blank", "A context source failed", "上下文源出错"},
    [ERROR_GATEWAY_TIMEOUT] = {504, "about:blank", "A context source did not answer", "上下文源未应答"},
    [ERROR_LOOP] = {508, "about:blank", "Loop detected", "检测到循环"},
};

/* Takes out the halves of characters that cutting leaves behind: at the end, and where a format says "%.60s".
 */
static void drop_half_characters(char *text)
{
    const char *bad;
    while (!g_utf8_validate(text, -1, &bad)) {
        char *at = text + (bad - text);
        memmove(at, at + 1, strlen(at));
        text = at;
    }
}

bool error_set(struct error *e, enum error_code code, const char *en, const char *zh, ...)
{
    if (e == NULL) {
        return false;
    }
    va_list args;
    e->code = code;
    va_start(args, zh);
    vsnprintf(e->en, sizeof e->en, en, args);
    va_end(args);
    va_start(args, zh);
    vsnprintf(e->zh, sizeof e->zh, zh, args);
    va_end(args);
    drop_half_characters(e->en);
    drop_half_characters(e->zh);
    return false;
}

void error_prefix(struct error *e, const char *format, ...)
{
    if (e == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *place = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *en = g_strdup_printf("%s: %s", place, e->en);
    g_autofree char *zh = g_strdup_printf("%s：%s", place, e->zh);
    g_strlcpy(e->en, en, sizeof e->en);
    g_strlcpy(e->zh, zh, sizeof e->zh);
    drop_half_characters(e->en);
    drop_half_characters(e->zh);
}

int error_status(enum error_code code)
{
    return table[code].status;
}

const char *error_type(enum error_code code)
{
    return table[code].type;
}

const char *error_title(enum error_code code, bool chinese)
{
    return chinese ? table[code].zh : table[code].en;
}
