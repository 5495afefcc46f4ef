/* SPDX-License-Identifier: Apache-2.0 */
/* One case: an entity of type Case, and all that can happen to it inside a store transaction. */
#pragma once

#include "cases/playbook.h"
#include "context/context.h"
#include "identity/identity.h"

enum {
    CASE_TIMELINE = 2000,  /* entries; LIMIT_ENTITY may end it sooner */
    CASE_ATTACHMENTS = 20, /* of one action or comment */
    CASE_TITLE = 300,      /* bytes */
    CASE_PRIORITY_LOW = 4  /* 1 is the highest */
};
/* Kept open in the timeline's by: nobody signs in under this name. */
#define CASE_SYSTEM "system"

/* ---- reading ---- */

/* The state of a stored case in its workflow: -1 when the workflow no longer has it. */
int case_state(const struct workflow *w, const struct json *entity);
const char *case_scope(const struct json *entity);            /* the first, or NULL */
const struct json *case_timeline(const struct json *entity);  /* array, or NULL */
const struct json *case_deadlines(const struct json *entity); /* object, or NULL */
/* Number of timeline entries: grows with every change. */
int64_t case_version(const struct json *entity);
bool case_is_open(const struct workflow *w, const struct json *entity); /* not in a closed state */
/* The earliest deadline that runs, or INSTANT_MAX. */
instant case_due(const struct json *entity);

/* May this user take this action, now that the state allows it? On refusal e (may be NULL) names what is
 * missing. *role (may be NULL) gets the role that the user acts in. */
bool case_permits(const struct playbook *p, const struct action *action, const struct json *entity,
                  const struct user *u, const char **role, struct error *e);

/* ---- changing; all within a job ---- */

struct case_action {
    const char *id, *action;
    const struct json *form;        /* or NULL */
    const char *comment;            /* or NULL */
    const struct json *attachments; /* array of digests, or NULL */
    int64_t version;                /* refuse when the case has another; -1 = any */
    const struct user *user;
};
/* Takes an action. ERROR_NOT_FOUND, ERROR_CONFLICT naming the actions possible now, ERROR_FORBIDDEN naming
 * the roles, or ERROR_BAD_REQUEST_DATA naming the field; then nothing is written. */
bool case_act(struct txn *t, struct arena *a, const struct playbook *p, const struct case_action *in,
              struct error *e);
bool case_comment(struct txn *t, struct arena *a, const struct playbook *p, const char *id, const char *text,
                  const struct json *attachments, const struct user *u, struct error *e);

/* How a case begins. */
struct opening {
    const struct workflow *workflow;
    const char *id;                                           /* NULL: made from the number */
    const struct json *title;                                 /* a string or {zh, en} */
    const struct json *description;                           /* the same, or NULL */
    const char *category, *severity, *scope, *alarm, *source; /* NULL = none */
    const struct json *location;                              /* GeoJSON, or NULL */
    const struct json *attachments;
    const struct user *user; /* NULL = the system */
};
/* Opens a case and gives its id. ERROR_ALREADY_EXISTS when there is one of that id. */
bool case_open(struct txn *t, struct arena *a, const struct playbook *p, const struct opening *o,
               const char **id, struct error *e);
/* Writes into the timeline what the system saw; severity (may be NULL) becomes the case's. True and nothing
 * written when the case is gone or closed. */
bool case_note(struct txn *t, struct arena *a, const struct playbook *p, const char *id, const char *what,
               const char *severity, struct error *e);
/* Does what is due by now: reminders, overdue, escalations; each once, however often this is called. *next
 * gets the next such moment, INSTANT_MAX = none. */
bool case_fire(struct txn *t, struct arena *a, const struct playbook *p, const char *id, instant *next,
               struct error *e);
/* The same moment, of a case as read. */
instant case_next_event(const struct playbook *p, const struct json *entity);
