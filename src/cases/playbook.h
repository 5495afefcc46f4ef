/* SPDX-License-Identifier: Apache-2.0 */
/* All that the packs in force say about cases: workflows, calendar, categories, roles, and which rules ask
 * for a case. */
#pragma once

#include "cases/workflow.h"

/* A kind of matter, e.g. 06010 暴露垃圾 of GB/T 47678.5. */
struct category {
    const char *code;
    const struct json *title;
    const char *class_code;
    const struct json *class_title;
    bool component; /* a thing; else a matter, which cases are about */
    bool local;     /* not of the standard: the place's own */
};

/* What a pack's rule says about cases. */
struct rule_case {
    const char *type;     /* of the entities it watches, or NULL */
    const char *workflow; /* its `case:` value; NULL = none said */
    const char *category; /* of its cases, or NULL */
};

/* Read-only, counted. */
struct playbook {
    gint references;
    struct arena *arena;
    const struct calendar *calendar;
    GPtrArray *workflows;  /* const struct workflow *, in the packs' order */
    GPtrArray *categories; /* struct category *, in the packs' order */
    GHashTable *matters;   /* code → struct category */
    GHashTable *roles;     /* name → const struct json *title */
    GHashTable *rules;     /* name → struct rule_case */
};

/* Takes over checked packs. */
struct playbook *playbook_new(const struct pack *const *packs, struct error *e);
struct playbook *playbook_ref(struct playbook *p);
void playbook_unref(struct playbook *p); /* NULL is fine */
typedef struct playbook playbook_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(playbook_autoptr_target, playbook_unref)
#define playbook_auto g_autoptr(playbook_autoptr_target)

const struct workflow *playbook_workflow(const struct playbook *p, const char *name); /* or NULL */
const struct category *playbook_category(const struct playbook *p, const char *code); /* a matter, or NULL */
/* "dispatcher (派遣员), supervisor (值班长)" */
char *playbook_roles_text(const struct playbook *p, struct arena *a, const char *const *roles, bool chinese);
/* The workflow that an alarm of this rule asks for and the category of its case (*category may get NULL), or
 * NULL when it asks for none. type is the source's, or NULL when unknown. */
const struct workflow *playbook_for_alarm(const struct playbook *p, const char *rule, const char *type,
                                          const char **category);

/* The checks of the sections. */
void check_workflows(const struct pack *p, const struct json *section, const struct pack *const *all,
                     struct pack_report *r);
void check_calendar(const struct pack *p, const struct json *section, const struct pack *const *all,
                    struct pack_report *r);
void check_categories(const struct pack *p, const struct json *section, const struct pack *const *all,
                      struct pack_report *r);
