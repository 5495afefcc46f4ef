/* SPDX-License-Identifier: Apache-2.0 */
/* A workflow as a pack writes it: states, actions, forms, deadlines. docs/packs/workflows.md is the manual.
 */
#pragma once

#include "cases/calendar.h"

enum {
    WORKFLOW_STATES = 64,
    WORKFLOW_ACTIONS = 128,
    WORKFLOW_FIELDS = 32,    /* fields of one form */
    WORKFLOW_DEADLINES = 16, /* stages with a deadline */
    WORKFLOW_LIMITS = 64,    /* special limits of one stage */
    WORKFLOW_NOTES = 8,      /* reminders, or escalations, of one stage */
    WORKFLOW_SETS = 16,      /* attributes set by one action */
    WORKFLOW_OPTIONS = 200   /* options of a choice */
};

enum state_kind { STATE_OPEN, STATE_PAUSED, STATE_CLOSED };

struct state {
    const char *name;
    const struct json *title;  /* text: a string or {zh, en} */
    const struct json *public; /* what the person who reported sees; the title when not given */
    enum state_kind kind;
    const char *reason; /* why a case is closed: "fixed", "duplicate", …; NULL in states that close nothing */
};

enum field_kind {
    FORM_TEXT,
    FORM_LONGTEXT,
    FORM_CHOICE,
    FORM_NUMBER,
    FORM_DATE,
    FORM_USER,
    FORM_DEPARTMENT,
    FORM_PHOTO
};

struct form_field {
    const char *name;
    const struct json *title;
    enum field_kind kind;
    bool required;
    const struct json *options; /* of a choice: array of {value, title} */
    double min, max;            /* of a number */
    const char *role;           /* of a user: the role that the account must have; NULL = any */
};

enum set_source { SET_LITERAL, SET_FORM, SET_ME, SET_NOTHING };
/* An action writes an attribute of the case. */
struct setter {
    const char *attribute;
    enum set_source source;
    const struct json *literal;
    const char *field; /* of the form */
};

enum comment_rule { COMMENT_OPTIONAL, COMMENT_REQUIRED, COMMENT_NONE };

struct action {
    const char *name;
    const struct json *title;
    uint64_t from;            /* bit i = state i */
    int to;                   /* state, or -1: the case stays where it is */
    const char *const *roles; /* NULL-terminated, at least one */
    bool assignee;            /* only whom the case is assigned to, or their department */
    const char *const
        *others; /* `not`: nobody who acted on this case in one of these roles; NULL-terminated */
    const struct form_field *fields;
    int fields_count;
    const struct setter *sets;
    int sets_count;
    enum comment_rule comment;
    int extends;            /* deadline made longer, or -1 */
    const char *extends_by; /* the form's number field */
    bool extends_days;      /* its unit: days of the deadline's clock, else hours */
};

/* How long a stage may take in special cases. */
struct limit {
    const char *const *categories; /* NULL = any */
    const char *const *severities; /* NULL = any */
    struct length within;
    enum deadline_clock clock;
};

struct escalation {
    struct length after; /* the deadline */
    bool raise;          /* priority one up */
    const char *const *notify;
};

struct deadline {
    const char *name;
    const struct json *title;
    uint64_t states; /* runs while the case is in one of these */
    struct limit otherwise;
    const struct limit *limits; /* the first that fits goes before otherwise */
    int limits_count;
    const struct length *remind; /* before the deadline, longest first */
    int remind_count;
    const struct escalation *escalate; /* soonest first */
    int escalate_count;
};

/* Which alarms; NULL members match any. */
struct alarm_match {
    const char *rule, *type; /* rule name; type of the source */
    const char *category;    /* of the case, or NULL */
};

struct workflow {
    const char *name, *pack;
    const struct json *title;
    int start; /* the state in which a case begins */
    const struct state *states;
    int states_count;
    const struct action *actions;
    int actions_count;
    const struct deadline *deadlines;
    int deadlines_count;
    const struct alarm_match *from; /* opens a case for these alarms */
    int from_count;
    const struct alarm_match *categorise; /* category of cases from these alarms, whoever asked for them */
    int categorise_count;
};

/* Reads one workflow; every mistake goes to r, and what is wrong is left out. Lives in a. NULL when the
 * definition is no mapping or has no usable states. */
const struct workflow *workflow_parse(struct arena *a, const char *pack, const struct json *definition,
                                      struct pack_report *r);
/* Reports what only the whole shows: states that cannot be reached, open states that nothing leaves, roles
 * that role_known denies, rules that rule_known denies. */
struct workflow_names {
    bool (*role_known)(const struct workflow_names *n, const char *role);
    bool (*rule_known)(const struct workflow_names *n, const char *rule);
    bool (*category_known)(const struct workflow_names *n, const char *code);
    const struct pack *const *packs;
};
void workflow_check(const struct workflow *w, const struct json *definition, const struct workflow_names *n,
                    struct pack_report *r);

int workflow_state(const struct workflow *w, const char *name);                   /* -1 = none */
const struct action *workflow_action(const struct workflow *w, const char *name); /* NULL = none */
const char *state_kind_name(enum state_kind k);
const char *field_kind_name(enum field_kind k);
