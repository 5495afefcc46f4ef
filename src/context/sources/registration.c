/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations: held, counted and shown. */
#include "context/sources/registry_inside.h"

#include <string.h>

struct registration *registration_ref(struct registration *r)
{
    if (r != NULL) {
        g_atomic_int_inc(&r->references);
    }
    return r;
}

static void free_patterns(struct registration *r)
{
    for (int i = 0; i < r->info_count; i++) {
        for (int k = 0; k < r->info[i].entities_count; k++) {
            g_clear_pointer((GRegex **)&r->info[i].entities[k].id_pattern, g_regex_unref);
        }
    }
}

void registration_unref(struct registration *r)
{
    if (r != NULL && g_atomic_int_dec_and_test(&r->references)) {
        free_patterns(r);
        g_mutex_clear(&r->lock);
        arena_free(r->a);
        g_free(r);
    }
}

bool registration_is_expired(const struct registration *r, instant now)
{
    return r->expires_known && r->expires <= now;
}

/* ---- how it fared ---- */

void registration_report(struct registration *r, bool ok)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    *(ok ? &r->last_success : &r->last_failure) = instant_now();
    r->sent++;
    r->failed += ok ? 0 : 1;
    r->last_failed = !ok;
    r->unsaved = true;
}

bool registration_may_send(struct registration *r, instant now)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    return !r->last_failed || now >= r->last_failure + (int64_t)r->cooldown_ms * 1000;
}

void registration_touch(struct registration *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    r->unsaved = true;
}

struct json *registration_state(struct arena *a, struct registration *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    struct json *state = json_object(a);
    json_add(state, "sent", json_int(a, r->sent));
    json_add(state, "failed", json_int(a, r->failed));
    json_add(state, "lastSuccess", json_int(a, r->last_success));
    json_add(state, "lastFailure", json_int(a, r->last_failure));
    json_add(state, "lastFailed", json_bool(a, r->last_failed));
    return state;
}

/* ---- showing ---- */

static void compact_names(struct arena *a, const struct ld_context *ctx, struct json *names)
{
    if (json_is(names, JSON_STRING)) {
        names->string = ld_compact(ctx, a, names->string);
        names->length = (uint32_t)strlen(names->string);
        return;
    }
    for (struct json *name = json_first(names); name != NULL; name = name->next) {
        compact_names(a, ctx, name);
    }
}

static void show_time(struct arena *a, struct json *out, const char *name, instant at)
{
    char text[INSTANT_TEXT];
    if (at != 0) {
        json_set(a, out, name, json_string(a, instant_format(at, text)));
    }
}

static void show_state(struct arena *a, struct json *out, struct registration *r)
{
    g_autoptr(GMutexLocker) guard = g_mutex_locker_new(&r->lock);
    if (r->sent > 0) {
        json_set(a, out, "status", json_string(a, r->last_failed ? "failed" : "ok"));
        json_set(a, out, "timesSent", json_int(a, r->sent));
        json_set(a, out, "timesFailed", json_int(a, r->failed));
    }
    show_time(a, out, "lastSuccess", r->last_success);
    show_time(a, out, "lastFailure", r->last_failure);
}

void registration_keep_parts(struct json *shown, const bool *marks)
{
    struct json *information = json_get(shown, "information");
    struct json *last = NULL;
    uint32_t i = 0, kept = 0;
    for (struct json *element = json_first(information); element != NULL; element = element->next, i++) {
        if (marks[i]) {
            *(last != NULL ? &last->next : &information->first) = element;
            last = element;
            kept++;
        }
    }
    if (last != NULL) {
        last->next = NULL;
        information->last = last;
        information->length = kept;
    }
}

struct json *registration_show(struct arena *a, struct registration *r, const struct ld_context *ctx,
                               bool sys_attrs)
{
    struct json *out = json_copy(a, r->body);
    for (struct json *i = json_first(json_get(out, "information")); i != NULL; i = i->next) {
        compact_names(a, ctx, json_get(i, "propertyNames"));
        compact_names(a, ctx, json_get(i, "relationshipNames"));
        for (struct json *x = json_first(json_get(i, "entities")); x != NULL; x = x->next) {
            compact_names(a, ctx, json_get(x, "type"));
        }
    }
    show_state(a, out, r);
    if (sys_attrs) {
        show_time(a, out, "createdAt", r->created);
        show_time(a, out, "modifiedAt", r->modified);
    }
    return out;
}
