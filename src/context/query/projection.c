/* SPDX-License-Identifier: Apache-2.0 */
/* Reading projections. */
#include "context/query/projection.h"

#include <string.h>

#include "base/limits.h"
#include "context/entity/ingest.h"

struct reader {
    struct arena *a;
    const struct ld_context *ctx;
    const char *text;
    const char *p;
    int names;
    struct error *e;
};

static const struct projection *read_level(struct reader *r, int level);

static bool refuse(struct reader *r)
{
    return error_set(
        r->e, ERROR_BAD_REQUEST_DATA,
        "\"%.100s\" must be names joined by commas; those of linked entities stand in braces, as in rel{a,b}",
        "“%.100s”应为以逗号分隔的名称；关联实体的名称写在花括号中，如 rel{a,b}", r->text);
}

/* One name and what stands in braces behind it; false with e set. */
static bool read_name(struct reader *r, int level, const char **name, const struct projection **linked)
{
    size_t n = strcspn(r->p, ",|{}");
    char *text = g_strstrip(arena_strndup(r->a, r->p, n));
    *linked = NULL;
    if (*text == '\0' || ++r->names > LIMIT_ATTRIBUTES) {
        return refuse(r);
    }
    *name = ingest_name(r->a, r->ctx, text, r->e);
    r->p += n;
    if (*name == NULL || *r->p != '{') {
        return *name != NULL;
    }
    r->p++;
    *linked = read_level(r, level + 1);
    if (*linked == NULL) {
        return false;
    }
    if (*r->p != '}') {
        return refuse(r);
    }
    r->p++;
    return true;
}

static const struct projection *finish(struct reader *r, GPtrArray *names, GPtrArray *linked)
{
    struct projection *p = arena_new0(r->a, struct projection);
    const char **all = arena_array(r->a, const char *, names->len + 1);
    const char **plain = arena_array(r->a, const char *, names->len + 1);
    const struct projection **below = arena_array(r->a, const struct projection *, names->len + 1);
    for (guint i = 0, k = 0; i < names->len; i++) {
        all[i] = names->pdata[i];
        below[i] = linked->pdata[i];
        if (below[i] == NULL) {
            plain[k++] = all[i];
        } else {
            p->depth = MAX(p->depth, 1 + below[i]->depth);
        }
    }
    p->names = all;
    p->plain = plain;
    p->linked = below;
    return p;
}

static const struct projection *read_level(struct reader *r, int level)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GPtrArray) linked = g_ptr_array_new();
    if (level > LIMIT_JOIN_LEVEL) {
        error_set(r->e, ERROR_BAD_REQUEST_DATA, "Braces go at most %d levels deep", "花括号最多嵌套 %d 层",
                  LIMIT_JOIN_LEVEL);
        return NULL;
    }
    for (;;) {
        const char *name = NULL;
        const struct projection *below;
        if (!read_name(r, level, &name, &below)) {
            return NULL;
        }
        g_ptr_array_add(names, (gpointer)name);
        g_ptr_array_add(linked, (gpointer)below);
        if (*r->p != ',' && *r->p != '|') {
            return finish(r, names, linked);
        }
        r->p++;
    }
}

const struct projection *projection_parse(struct arena *a, const struct ld_context *ctx, const char *text,
                                          struct error *e)
{
    struct reader r = {.a = a, .ctx = ctx, .text = text, .p = text, .e = e};
    const struct projection *p = read_level(&r, 0);
    if (p != NULL && *r.p != '\0') {
        refuse(&r);
        return NULL;
    }
    return p;
}

const struct projection *projection_under(const struct projection *p, const char *name)
{
    for (int i = 0; p != NULL && p->names[i] != NULL; i++) {
        if (strcmp(p->names[i], name) == 0 && p->linked[i] != NULL) {
            return p->linked[i];
        }
    }
    return NULL;
}
