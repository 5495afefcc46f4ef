/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own log on standard error: one line an event, with time, level and place. */
#pragma once

#include "base/error.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* Lines below this level are dropped; the start value is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
/* place is the module's name. Never log a secret: no password, token, key or message body. */
void log_line(enum log_level level, const char *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define log_debug(place, ...) log_line(LOG_LEVEL_DEBUG, place, __VA_ARGS__)
#define log_info(place, ...) log_line(LOG_LEVEL_INFO, place, __VA_ARGS__)
#define log_warning(place, ...) log_line(LOG_LEVEL_WARNING, place, __VA_ARGS__)
#define log_error(place, ...) log_line(LOG_LEVEL_ERROR, place, __VA_ARGS__)
/* Logs an error where it stops being carried up. */
void log_failure(const char *place, const char *what, const struct error *e);
