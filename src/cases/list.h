/* SPDX-License-Identifier: Apache-2.0 */
/* The list of cases: filters, order, pages, as JSON or as a table. */
#pragma once

#include "cases/case.h"

/* What the client asked for; NULL = any. */
struct case_filter {
    const char *state; /* names, comma-separated */
    const char *workflow, *severity, *assignee, *scope, *q;
    const struct user *waiting_for; /* mine=true */
    int overdue, open;              /* 1 yes, 0 no, -1 any */
    const char *sort;               /* "-openedAt" */
    struct list_page page;
};

/* {total, items, states: {state: count}}; counts leave the state filter aside. NULL with e set. */
struct json *cases_list(struct arena *a, const struct playbook *p, struct view *v,
                        const struct case_filter *f, struct error *e);
/* The same rows as a table (base/table.h), times in district time. NULL with e set. */
GString *cases_table(const struct playbook *p, struct view *v, const struct case_filter *f, bool chinese,
                     struct error *e);
