/* SPDX-License-Identifier: Apache-2.0 */
/* What an export will hold: which entities (their ids wait in a file, so their number does not matter) and
 * which columns. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "context/entity/gone.h"
#include "context/temporal/temporal_export.h"

static const char *const *copy_names(struct arena *a, const char *const *names)
{
    if (names == NULL) {
        return NULL;
    }
    guint n = g_strv_length((char **)names);
    const char **copy = arena_array(a, const char *, n + 1);
    for (guint i = 0; i < n; i++) {
        copy[i] = arena_strdup(a, names[i]);
    }
    return copy;
}

static struct export_plan *plan_new(struct temporal_job *j, enum export_format format)
{
    struct arena *a = arena_new();
    struct export_plan *p = arena_new0(a, struct export_plan);
    *p = (struct export_plan){.arena = a,
                              .space = space_ref(j->call.space),
                              .ctx = ld_context_ref(j->call.ctx),
                              .q = j->q,
                              .format = format,
                              .chinese = j->call.chinese};
    const struct render *r = &j->q.render;
    p->q.values_only = true;
    p->q.render = (struct render){.arena = a,
                                  .ctx = p->ctx,
                                  .lang = r->lang != NULL ? arena_strdup(a, r->lang) : NULL,
                                  .pick = copy_names(a, r->pick),
                                  .omit = copy_names(a, r->omit),
                                  .datasets = copy_names(a, r->datasets)};
    const char *geo = j->selection.geo_property;
    p->geo_property = geo != NULL ? arena_strdup(a, geo) : "location";
    p->columns = g_ptr_array_new();
    p->column_of = g_hash_table_new(g_str_hash, g_str_equal);
    return p;
}

void export_plan_free(struct export_plan *p)
{
    if (p == NULL) {
        return;
    }
    if (p->ids != NULL) {
        fclose(p->ids);
    }
    g_ptr_array_unref(p->columns);
    g_hash_table_unref(p->column_of);
    ld_context_unref(p->ctx);
    space_unref(p->space);
    arena_free(p->arena);
}

/* ---- the entities ---- */

/* A file that nobody else sees and that is gone when it is closed. */
static FILE *open_list(struct error *e)
{
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("zhongshu-export-XXXXXX", &name, NULL);
    FILE *file = fd >= 0 ? fdopen(fd, "w+") : NULL;
    if (file == NULL) {
        error_set(e, ERROR_UNAVAILABLE, "No temporary file for the export: %s",
                  "无法创建导出用的临时文件：%s", g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    g_unlink(name);
    return file;
}

struct listing {
    FILE *file;
    int64_t count;
};

static bool note_entity(void *user, const struct json *entity)
{
    struct listing *l = user;
    l->count++;
    return fprintf(l->file, "%s\n", json_get_string(entity, "id")) > 0;
}

static bool list_entities(struct temporal_job *j, struct listing *l, struct error *e)
{
    view_auto v = view_begin(j->call.space->store);
    if (j->id != NULL) {
        l->count = 1;
        fprintf(l->file, "%s\n", j->id);
    } else if (!temporal_select_run(j, v, note_entity, l, e)) {
        return false;
    }
    return (fflush(l->file) == 0 && fseek(l->file, 0, SEEK_SET) == 0) ||
           error_set(e, ERROR_STORAGE_FULL, "The list of entities of the export cannot be written: %s",
                     "无法写入导出的实体列表：%s", g_strerror(errno));
}

/* The next line without its end; NULL at the end. */
static const char *next_id(FILE *file, struct arena *a)
{
    g_autofree char *line = NULL;
    char *read = NULL;
    size_t room = 0;
    ssize_t n = getline(&read, &room, file);
    const char *id = n > 1 ? arena_strndup(a, read, (size_t)n - 1) : NULL;
    free(read);
    return id;
}

static const struct json *entity_of(struct space *space, struct arena *a, const char *id)
{
    view_auto v = view_begin(space->store);
    struct json *entity = context_get(v, a, id);
    entity = entity != NULL ? entity : gone_get(v, a, id);
    if (entity == NULL) {
        entity = json_object(a);
        json_add(entity, "id", json_string(a, id));
    }
    return entity;
}

const struct json *export_next_entity(struct export_plan *p, struct arena *a)
{
    const char *id = next_id(p->ids, a);
    return id != NULL ? entity_of(p->space, a, id) : NULL;
}

/* ---- columns ---- */

static char *column_key(const struct history_series *s)
{
    return g_strconcat(s->attribute, "\n", s->dataset, NULL);
}

int export_column_of(const struct export_plan *p, const struct history_series *s)
{
    g_autofree char *key = column_key(s);
    return GPOINTER_TO_INT(g_hash_table_lookup(p->column_of, key)) - 1;
}

static bool add_columns(struct export_plan *p, const struct history_series *all, int count, struct error *e)
{
    for (int i = 0; i < count; i++) {
        if (!temporal_shows_series(&p->q, &all[i]) || export_column_of(p, &all[i]) >= 0) {
            continue;
        }
        if (p->columns->len == LIMIT_EXPORT_COLUMNS) {
            return error_set(e, ERROR_TOO_MANY_RESULTS,
                             "The table would have more than %d columns: choose attributes with pick",
                             "表格将超过 %d 列：请用 pick 选择属性", LIMIT_EXPORT_COLUMNS);
        }
        struct export_column *column = arena_new0(p->arena, struct export_column);
        g_autofree char *key = column_key(&all[i]);
        *column = (struct export_column){arena_strdup(p->arena, all[i].attribute),
                                         arena_strdup(p->arena, all[i].dataset)};
        g_ptr_array_add(p->columns, column);
        g_hash_table_insert(p->column_of, arena_strdup(p->arena, key), GINT_TO_POINTER((int)p->columns->len));
    }
    return true;
}

/* ---- choosing among the candidates ---- */

/* Is the entity one of those to export? Its columns are added then. */
static bool take_candidate(struct export_plan *p, struct temporal_job *j, const struct json *entity,
                           bool *taken, struct error *e)
{
    arena_auto a = arena_new();
    struct temporal_filter filter = {temporal_select_filter, j};
    struct history_series *all;
    int count;
    *taken = false;
    if (!store_history_list(p->space->store, a, json_get_string(entity, "id"), &all, &count, e)) {
        return false;
    }
    if (count == 0) {
        return true;
    }
    *taken = true;
    if (temporal_select_filters(j) && !temporal_passes(&p->q, entity, all, count, &filter, taken, e)) {
        return false;
    }
    return !*taken || p->format != EXPORT_CSV || add_columns(p, all, count, e);
}

static bool choose(struct export_plan *p, struct temporal_job *j, FILE *candidates, struct error *e)
{
    const char *id;
    for (;;) {
        arena_auto a = arena_new();
        bool taken;
        if ((id = next_id(candidates, a)) == NULL) {
            break;
        }
        if (!take_candidate(p, j, entity_of(p->space, a, id), &taken, e)) {
            return false;
        }
        if (taken && fprintf(p->ids, "%s\n", id) < 0) {
            return error_set(e, ERROR_STORAGE_FULL,
                             "The list of entities of the export cannot be written: %s",
                             "无法写入导出的实体列表：%s", g_strerror(errno));
        }
        p->count += taken;
    }
    return fflush(p->ids) == 0 && fseek(p->ids, 0, SEEK_SET) == 0;
}

struct export_plan *export_plan_new(struct temporal_job *j, enum export_format format, struct error *e)
{
    struct export_plan *p = plan_new(j, format);
    struct listing candidates = {.file = open_list(e)};
    p->many = j->id == NULL;
    bool ok = candidates.file != NULL && (p->ids = open_list(e)) != NULL &&
              list_entities(j, &candidates, e) && choose(p, j, candidates.file, e);
    if (candidates.file != NULL) {
        fclose(candidates.file);
    }
    if (ok && p->count == 0) {
        ok = j->id != NULL
                 ? temporal_refuse_unknown(j->id, e)
                 : error_set(e, ERROR_NOT_FOUND, "There is no history to export that the query finds",
                             "没有符合查询条件的历史可导出");
    }
    if (!ok) {
        export_plan_free(p);
        return NULL;
    }
    return p;
}
