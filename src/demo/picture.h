/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures that are plainly synthetic: a pattern of two colours with the word 演示 on it. */
#pragma once

#include <glib.h>
#include <stdint.h>

/* A PNG of a few hundred bytes; the same key gives the same picture. */
GByteArray *picture_png(uint64_t key);
