/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of alarms: filtered, sorted, in pages, as JSON or as a table. */
#pragma once

#include "context/context.h"

/* NULL = any. status and severity may list several with commas. scope finds what is below too; text is looked
 * for in titles, messages, the source's name and ids, without regard to case. from <= startedAt < to. */
struct alarm_query {
    const char *status, *severity, *rule, *type, *scope, *text;
    instant from, to;
    const char *sort; /* startedAt, clearedAt, severity, status, rule */
    bool descending;
    struct list_page page;
};

/* What lists filter and sort by, of every alarm, in memory; safe from any thread. */
struct alarm_index;
struct alarm_index *alarm_index_new(void);
void alarm_index_free(struct alarm_index *index); /* NULL is fine */
/* Takes over an alarm as it stands now (stored form), or that it is gone. */
void alarm_index_put(struct alarm_index *index, const struct json *alarm);
void alarm_index_remove(struct alarm_index *index, const char *id);

/* {total, items: […]}. */
struct json *alarm_list(struct alarm_index *index, struct view *v, struct arena *a,
                        const struct alarm_query *q);
/* One alarm as the API shows it: {id, rule, title, message, severity, status, source: {id, type, name},
 * startedAt, clearedAt, clearReason, scope, location, count, case, reading}. */
struct json *alarm_item(struct view *v, struct arena *a, const struct json *alarm);
/* Items as a table (base/table.h). */
GString *alarm_table(const struct json *items, bool chinese);
