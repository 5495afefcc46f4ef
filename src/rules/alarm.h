/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms as entities: how a change that the engine puts out becomes a write, once. */
#pragma once

#include "context/context.h"
#include "rules/engine.h"

/* Writes one change inside a job. The alarm keeps the seq of the record that changed it last (attribute
 * sourceSeq); a change that is not newer is skipped, so that a log read again does no harm. *written says
 * which. */
bool alarm_write(struct txn *t, struct arena *a, const struct alarm_change *c, bool *written,
                 struct error *e);

/* Clears an alarm that no rule stands behind any more, whatever its sourceSeq. */
bool alarm_end(struct txn *t, struct arena *a, const char *id, const char *reason, struct error *e);
