/* SPDX-License-Identifier: Apache-2.0 */
/* Refuses a head that a proxy before us may have read otherwise (RFC 9112, 5.1 and 6.3): a second request
 * could hide in what it takes for the body. */
#include <string.h>

#include "http/request.h"

struct framing {
    int lengths, codings, hosts;
    const char *wrong; /* the name of the first header that is wrong */
};

static bool is_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(name[i]) && (name[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name[i]) == NULL)) {
            return false;
        }
    }
    return length > 0;
}

/* libmicrohttpd 0.9.75 glues a folded line to the name instead of the value ("Transfer-Encodingchunked"), so
 * what only begins like the name is that header too. */
static bool begins(const char *name, const char *wanted)
{
    return g_ascii_strncasecmp(name, wanted, strlen(wanted)) == 0;
}

static enum MHD_Result look(void *user, enum MHD_ValueKind kind, const char *name, size_t name_length,
                            const char *value, size_t value_length)
{
    struct framing *f = user;
    bool ok = is_name(name, name_length) && (value == NULL || memchr(value, '\0', value_length) == NULL);
    if (ok && begins(name, "Content-Length")) {
        ok = ++f->lengths == 1 && f->codings == 0 && name_length == strlen("Content-Length");
    } else if (ok && begins(name, "Transfer-Encoding")) {
        ok = ++f->codings == 1 && f->lengths == 0 && name_length == strlen("Transfer-Encoding") &&
             value != NULL && g_ascii_strcasecmp(value, "chunked") == 0;
    } else if (ok && g_ascii_strcasecmp(name, "Host") == 0) {
        ok = ++f->hosts == 1;
    }
    f->wrong = ok ? NULL : name;
    return ok ? MHD_YES : MHD_NO;
}

bool framing_check(struct request *r, struct error *e)
{
    struct framing f = {0};
    MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, look, &f);
    if (f.wrong == NULL) {
        return true;
    }
    r->malformed = true;
    return error_set(e, ERROR_INVALID_REQUEST,
                     "The header %.40s is malformed, said twice, or leaves open where the body ends",
                     "请求头 %.40s 格式错误、重复，或使请求内容的结尾不明确",
                     g_utf8_validate(f.wrong, -1, NULL) ? f.wrong : "?");
}
