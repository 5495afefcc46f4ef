/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and checking the history policies of types. */
#include "packs/history_policy.h"

#include <stdlib.h>
#include <string.h>

#include "hub/section.h"

enum { DAYS_A_YEAR = 366 };
#define DAY (86400 * INSTANT_SECOND)

static const struct member members[] = {
    {"keep", MEMBER_STRING, true},
    {"hour", MEMBER_STRING},
    {"day", MEMBER_STRING},
    {NULL},
};

static bool years_parse(const char *text, int64_t *span)
{
    char *end;
    gint64 years = g_ascii_isdigit(*text) ? g_ascii_strtoll(text, &end, 10) : 0;
    if (years <= 0 || years > 1000 || strcmp(end, "y") != 0) {
        return false;
    }
    *span = years * DAYS_A_YEAR * DAY;
    return true;
}

/* "90d", "3y" or "forever"; at least a day. */
static bool kept_parse(const struct json *value, int64_t *span)
{
    *span = INT64_MAX;
    return json_is(value, JSON_STRING) &&
           (strcmp(value->string, "forever") == 0 || years_parse(value->string, span) ||
            span_parse(value->string, value->length, span)) &&
           *span >= DAY;
}

/* Each must be kept longer than what it is made from. */
static int64_t check_span(struct pack_report *r, const char *what, const struct json *value,
                          int64_t longer_than)
{
    int64_t span = 0;
    if (value == NULL) {
        return longer_than;
    }
    if (!kept_parse(value, &span)) {
        r->mistake(r, value, "%s.%s must be a length of a day or more such as 90d or 3y, or forever",
                   "%s.%s 应为一天以上的时长（如 90d、3y）或 forever", what, value->key);
        return longer_than;
    }
    if (span <= longer_than && longer_than > 0) {
        r->mistake(r, value, "%s.%s must be longer than what comes before it: keep, hour, day",
                   "%s.%s 应比前一项更长：依次为 keep、hour、day", what, value->key);
    }
    return MAX(span, longer_than);
}

void check_history(struct pack_report *r, const char *type, const struct json *history)
{
    g_autofree char *what = g_strdup_printf("%s.history", type);
    if (history == NULL || !section_object(r, history, what, members)) {
        return;
    }
    int64_t span = check_span(r, what, json_get(history, "keep"), 0);
    span = check_span(r, what, json_get(history, "hour"), span);
    check_span(r, what, json_get(history, "day"), span);
}

static void add_policies(GArray *all, const struct pack *p)
{
    for (const struct json *type = json_first(json_get(p->root, "types")); type != NULL; type = type->next) {
        const struct json *history = json_get(type, "history");
        struct history_policy policy = {.type = type->key};
        if (history == NULL || !kept_parse(json_get(history, "keep"), &policy.keep)) {
            continue;
        }
        if (!kept_parse(json_get(history, "hour"), &policy.hour)) {
            policy.hour = 0;
        }
        if (!kept_parse(json_get(history, "day"), &policy.day)) {
            policy.day = 0;
        }
        g_array_append_val(all, policy);
    }
}

void declare_histories(struct store *s, const struct pack *const *packs)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct history_policy));
    for (; *packs != NULL; packs++) {
        add_policies(all, *packs);
    }
    store_history_policies(s, (const struct history_policy *)(const void *)all->data, (int)all->len);
}
