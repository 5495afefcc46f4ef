/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on standard error. */
#include "base/log.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/instant.h"

static int lowest = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    g_atomic_int_set(&lowest, (int)level);
}

void log_line(enum log_level level, const char *place, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    if ((int)level < g_atomic_int_get(&lowest)) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) {
            *c = ' '; /* one event, one line, whatever a peer sent */
        }
    }
    char now[INSTANT_TEXT];
    fprintf(stderr, "%s %s %s: %s\n", instant_format(instant_now() / 1000 * 1000, now), names[level], place,
            text);
}

void log_failure(const char *place, const char *what, const struct error *e)
{
    log_line(LOG_LEVEL_ERROR, place, "%s: %s", what, e->en);
}
