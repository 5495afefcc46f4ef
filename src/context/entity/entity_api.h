/* SPDX-License-Identifier: Apache-2.0 */
/* What answers for one entity share, whether it was found here or put together from several sources. */
#pragma once

#include "context/query/answer.h"

/* Replies the entity (NULL = there is none) as it was asked for, with an answer that has been initialised;
 * false with ERROR_NOT_FOUND when the type or the attributes asked for are not its. */
bool entity_answer(struct answer *answer, struct view *v, const char *id, const struct json *entity,
                   struct error *e);
