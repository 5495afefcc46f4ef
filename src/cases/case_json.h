/* SPDX-License-Identifier: Apache-2.0 */
/* Cases as the API shows them. Texts of packs stay {zh, en} or plain strings: the client picks. */
#pragma once

#include "cases/case.h"

/* What lists show of a case. */
struct json *case_summary(struct arena *a, const struct playbook *p, struct view *v,
                          const struct json *entity);
/* All of it, with the actions that u may take now. */
struct json *case_detail(struct arena *a, const struct playbook *p, struct view *v, const struct json *entity,
                         const struct user *u);
/* Is something on this case waiting for u: an open case with an action that u may take? */
bool case_waits_for(const struct playbook *p, const struct json *entity, const struct user *u);

struct json *workflow_json(struct arena *a, const struct playbook *p, const struct workflow *w);
struct json *category_json(struct arena *a, const struct category *c);
