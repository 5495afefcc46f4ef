/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the feature share while it runs. */
#pragma once

#include "cases/playbook.h"
#include "hub/hub.h"

enum { COUNT_OPENED, COUNT_ACTIONS, COUNT_REFUSED, COUNT_REMINDERS, COUNT_ATTACHMENTS, COUNT_TIMERS, COUNTS };
extern struct counter cases_counters[COUNTS + 1];

struct hub *cases_hub(void);
/* The playbook in force; unref it. NULL before the packs were loaded. */
struct playbook *cases_playbook(void);
/* Grows with every playbook taken over. */
int cases_playbook_version(void);

extern const struct route cases_routes[];

/* The reader of the log and the clocks. */
void follower_start(struct hub *h);
void follower_stop(void);
