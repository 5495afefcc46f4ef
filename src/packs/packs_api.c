/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the packs. */
#include <string.h>

#include "packs/in_force.h"
#include "packs/packs.h"

static void reply_body(struct request *r, int status, const char *type, const char *text)
{
    reply_text(r, status, type, text, strlen(text));
}

static void get_model(struct request *r)
{
    g_autofree char *tag = NULL;
    g_autofree char *text = packs_model(&tag);
    if (text == NULL) {
        struct error e = {0};
        error_set(&e, ERROR_UNAVAILABLE, "the packs are not loaded yet; try again",
                  "应用包尚未加载，请稍后再试");
        reply_error(r, &e);
        return;
    }
    reply_header(r, "ETag", tag);
    reply_header(r, "Cache-Control", "no-cache");
    if (g_strcmp0(request_header(r, "If-None-Match"), tag) == 0) {
        reply_empty(r, 304);
        return;
    }
    reply_body(r, 200, "application/json", text);
}

static void get_packs(struct request *r)
{
    g_autofree char *text = packs_in_force();
    reply_body(r, 200, "application/json", text != NULL ? text : "{}");
}

/* Reading a handful of files takes milliseconds, but not on a server thread. */
static void *reload_aside(void *user)
{
    struct request *r = user;
    struct error e = {0};
    if (packs_reload(&e)) {
        get_packs(r);
    } else {
        reply_error(r, &e);
    }
    request_resume(r);
    return NULL;
}

static void post_reload(struct request *r)
{
    request_suspend(r);
    g_thread_unref(g_thread_new("packs-reload", reload_aside, r));
}

const struct route packs_routes[] = {
    {"GET", "/api/v1/model", "", get_model,
     "Types, rules, workflows and the district, as the loaded packs have them",
     "已加载应用包中的类型、规则、流程与区域"},
    {"GET", "/api/v1/packs", "", get_packs,
     "The packs in force, and the mistakes of a newer set that was refused",
     "在用的应用包，以及被拒绝的新版本中的错误"},
    {"POST", "/api/v1/packs/reload", "packs.write", post_reload, "Read the packs again and put them in force",
     "重新读取应用包并使其生效"},
    {NULL},
};
