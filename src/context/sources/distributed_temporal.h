/* SPDX-License-Identifier: Apache-2.0 */
/* Histories from several sources (5.7.3, 5.7.4): theirs are asked for first, then joined with the answer from
 * here. */
#pragma once

#include "context/temporal/temporal_job.h"

/* Asks the sources that hold such histories, then hands the job over with what they said in it; without
 * sources at once. Takes the job over; when it returns false with e set it has been freed. */
bool distributed_temporal(struct temporal_job *j, struct error *e);
/* Did a source tell anything? */
bool distributed_temporal_found(const struct temporal_job *j);
/* Joins the answer from here (an entity, or with list an array of them) with what the sources said, cuts the
 * page of a list, and gives the text of the whole. */
GString *distributed_temporal_join(struct temporal_job *j, GString *here, bool list);
