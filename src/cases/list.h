/* SPDX-License-Identifier: Apache-2.0 */
/* The list of cases: filters, order, pages, CSV. */
#pragma once

#include "cases/case.h"

enum { LIST_CSV_ROWS = 100000 };

/* What the client asked for; NULL = any. */
struct case_filter {
    const char *state; /* names, comma-separated */
    const char *workflow, *severity, *assignee, *scope, *q;
    const struct user *waiting_for; /* mine=true */
    int overdue, open;              /* 1 yes, 0 no, -1 any */
    const char *sort;               /* "-openedAt" */
    int64_t offset, limit;
};

/* {total, items, states: {state: count}}; counts leave the state filter aside. NULL with e set. */
struct json *cases_list(struct arena *a, const struct playbook *p, struct view *v,
                        const struct case_filter *f, struct error *e);
/* The same rows as CSV with a byte order mark. NULL with e set. */
GString *cases_csv(const struct playbook *p, struct view *v, const struct case_filter *f, bool chinese,
                   struct error *e);
