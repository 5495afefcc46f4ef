/* SPDX-License-Identifier: Apache-2.0 */
/* Percent decoding, and the small lists in request headers. */
#include "http/decode.h"

#include <glib.h>
#include <string.h>
#include <sys/types.h>

static bool is_control(unsigned char c)
{
    return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 127;
}

/* Decodes into out, which has room for length + 1 bytes. The number of bytes, or -1 for a broken escape. */
static ssize_t unescape(char *out, const char *text, size_t length, bool plus)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            if (length - i < 3 || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2])) {
                return -1;
            }
            c = (char)(g_ascii_xdigit_value(text[i + 1]) * 16 + g_ascii_xdigit_value(text[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (is_control((unsigned char)c)) {
            return -1;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return (ssize_t)n;
}

char *decode_text(struct arena *a, const char *text, size_t length, bool plus, struct error *e)
{
    char *out = arena_alloc(a, length + 1);
    ssize_t n = unescape(out, text, length, plus);
    if (n < 0 || !g_utf8_validate(out, n, NULL)) {
        error_set(
            e, ERROR_INVALID_REQUEST,
            "The address holds a broken %%-escape, a control character or text that is not UTF-8: write it "
            "as percent-encoded UTF-8",
            "地址中有错误的 %%-编码、控制字符或非 UTF-8 文字：请使用 UTF-8 百分号编码");
        return NULL;
    }
    return out;
}

static struct query_parameter *parameter(struct arena *a, const char *text, size_t length, struct error *e)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals != NULL ? (size_t)(equals - text) : length;
    struct query_parameter *p = arena_new0(a, struct query_parameter);
    p->name = decode_text(a, text, name_length, true, e);
    p->value = "";
    if (p->name != NULL && equals != NULL) {
        p->value = decode_text(a, equals + 1, length - name_length - 1, true, e);
    }
    return p->name != NULL && p->value != NULL ? p : NULL;
}

bool decode_query(struct arena *a, const char *query, struct query_parameter **first, struct error *e)
{
    struct query_parameter *head = NULL;
    struct query_parameter **tail = &head;
    int count = 0;
    for (const char *p = query; *p != '\0';) {
        size_t length = strcspn(p, "&");
        if (length > 0) {
            if (++count > MAX_QUERY_PARAMETERS) {
                return error_set(e, ERROR_INVALID_REQUEST, "More than %d query parameters: send fewer",
                                 "查询参数超过 %d 个：请减少参数", MAX_QUERY_PARAMETERS);
            }
            *tail = parameter(a, p, length, e);
            if (*tail == NULL) {
                return false;
            }
            tail = &(*tail)->next;
        }
        p += length + (p[length] == '&');
    }
    *first = head;
    return true;
}

void decode_target(struct arena *a, const char *target, const char **path, const char **query)
{
    if (target[0] != '/') {
        const char *scheme = strstr(target, "://");
        const char *slash = scheme != NULL ? strchr(scheme + 3, '/') : NULL;
        target = slash != NULL ? slash : "/";
    }
    const char *mark = strchr(target, '?');
    *path = mark != NULL ? arena_strndup(a, target, (size_t)(mark - target)) : arena_strdup(a, target);
    *query = mark != NULL ? arena_strdup(a, mark + 1) : "";
}

bool decode_is_plain_path(const char *path)
{
    if (path[0] != '/' || strchr(path, '\\') != NULL) {
        return false;
    }
    for (const char *p = path; p != NULL; p = strchr(p + 1, '/')) {
        if (p[1] == '.' || p[1] == '/') {
            return false;
        }
    }
    return true;
}

/* "q=0.8" to 800; 1000 when there is no weight. */
static int weight_of(const char *item, size_t length)
{
    const char *semicolon = memchr(item, ';', length);
    g_autofree char *rest =
        semicolon != NULL ? g_strndup(semicolon, length - (size_t)(semicolon - item)) : NULL;
    const char *q = rest != NULL ? strstr(rest, "q=") : NULL;
    if (q == NULL) {
        return 1000;
    }
    double value = g_ascii_strtod(q + 2, NULL);
    return value > 0 ? (int)(MIN(value, 1.0) * 1000) : 0;
}

static bool names(const char *item, size_t length, const char *name)
{
    size_t n = strlen(name);
    return length >= n && g_ascii_strncasecmp(item, name, n) == 0 &&
           (length == n || strchr("-; \t", item[n]) != NULL);
}

/* Calls for each item of a comma list; the end of the list gives false. */
static bool next_item(const char **list, const char **item, size_t *length)
{
    *list += strspn(*list, " \t,");
    *item = *list;
    *length = strcspn(*list, ",");
    *list += *length;
    return *length > 0;
}

int decode_weight(const char *list, const char *name)
{
    int best = -1;
    const char *item;
    size_t length;
    while (list != NULL && next_item(&list, &item, &length)) {
        if (names(item, length, name)) {
            best = MAX(best, weight_of(item, length));
        }
    }
    return best;
}

bool decode_prefers_chinese(const char *header)
{
    bool chinese = true;
    int best = 0;
    const char *item;
    size_t length;
    while (header != NULL && next_item(&header, &item, &length)) {
        int weight = weight_of(item, length);
        if (item[0] != '*' && weight > best) {
            best = weight;
            chinese = names(item, length, "zh");
        }
    }
    return chinese;
}
