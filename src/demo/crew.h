/* SPDX-License-Identifier: Apache-2.0 */
/* The people of a demo: who moves cases on, when, with which words. All of it stands in packs; nothing here
 * knows a workflow. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/instant.h"
#include "json/json.h"

/* One thing that may be done with a case that waits in a state. */
struct crew_step {
    const char *action;
    const char *
        *by; /* accounts, one of them by chance; "{assignee}" = the account in that member of the case */
    int by_count;
    int64_t soonest, latest;    /* after the case has come into the state */
    double weight;              /* beside those of the other steps */
    const struct json *only;    /* member of the case → list of its values; or NULL */
    const struct json *form;    /* values, see crew_value; or NULL */
    const struct json *comment; /* a value, or NULL */
};

/* What is done with the cases of one state. */
struct crew_desk {
    const char *workflow, *state;
    struct crew_step *steps;
    int steps_count;
};

struct crew {
    const char **accounts;
    int accounts_count;
    int64_t hands_off; /* how long a case that a person has touched is left alone */
    struct crew_desk *desks;
    int desks_count;
};

const struct crew_desk *crew_desk(const struct crew *c, const char *workflow,
                                  const char *state); /* or NULL */
/* The name as the crew's list has it, NULL for one that is not of the crew. */
const char *crew_account(const struct crew *c, const char *name);

/* What comes next for a case. */
struct crew_plan {
    const struct crew_step *step;
    const char *account; /* of the crew's list */
    instant due;
    uint64_t key; /* of the values */
};

/* Plans from a case as GET /api/v1/cases/{id} shows it: a pure function of the seed, the case's id and its
 * timeline. Each span begins where the span before it ended, the first at begun (when that which the case is
 * about happened), not where the crew got round to it; so a crew that comes late catches up. What a person
 * did counts from then, and the case is left alone for a while after it and after touched. False when the
 * crew has nothing to do with the case. */
bool crew_plan_case(const struct crew *c, uint64_t seed, const struct json *one, instant begun,
                    instant touched, struct crew_plan *out);
/* How much in the timeline was done by people or the crew, and when the last of it was. */
int crew_acts(const struct json *one, instant *last);

/* Where values come from that the crew has to ask for; NULL when there is none. */
struct crew_source {
    const struct json *(*picture)(void *user, const char *name, uint64_t key);
    const struct json *(*other)(void *user, const char *member);
    void *user;
};
/* A value of a form: as it stands, {one_of: […]}, {between: [low, high]} (whole numbers), {days_ahead: [low,
 * high]} (a date), {picture: "name.png"}, {other: member} (of an older case like this one). NULL when its
 * source has none. */
struct json *crew_value(struct arena *a, const struct json *rule, uint64_t key, instant now,
                        const struct crew_source *from);
/* {form, comment} for the request; NULL when a value is not to be had. */
struct json *crew_body(struct arena *a, const struct crew_plan *plan, instant now,
                       const struct crew_source *from);

/* ---- at work ---- */

/* Signs in to the hub at server as each account when it is needed, and moves cases until crew_stop. The crew
 * and the texts outlive it. */
struct crew_work;
struct crew_work *crew_start(const struct crew *c, uint64_t seed, const char *server, const char *password);
void crew_stop(struct crew_work *w); /* NULL is fine */
