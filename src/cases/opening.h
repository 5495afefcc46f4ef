/* SPDX-License-Identifier: Apache-2.0 */
/* From the change log: alarms open cases and leave notes in them. */
#pragma once

#include "cases/case.h"

/* Is this record of the log about an Alarm? */
bool record_is_alarm(const struct json *record);
/* Deals with one such record: a new alarm that a workflow asks for opens its case; a cleared or re-graded one
 * is noted in it. *opened tells whether a case was opened. Once per record: the reader's cursor sees to that;
 * a second case of the same alarm is impossible by its id. */
bool alarm_record(struct txn *t, struct arena *a, const struct playbook *p, const struct json *record,
                  bool *opened, struct error *e);
