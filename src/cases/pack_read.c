/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a pack's objects by tables. */
#include "cases/pack_read.h"

#include <stdlib.h>
#include <string.h>

/* json_read puts the member's line before its sentence; here the line is the place. */
static const char *without_line(const char *sentence, uint32_t *line)
{
    char *end;
    unsigned long number = strtoul(sentence, &end, 10);
    size_t colon = g_str_has_prefix(end, ": ") ? 2 : g_str_has_prefix(end, "：") ? strlen("：") : 0;
    if (end == sentence || colon == 0) {
        return sentence;
    }
    *line = (uint32_t)number;
    return end + colon;
}

bool pack_read(struct pack_report *r, const struct json *object, const struct json_field *fields, void *out)
{
    struct error e = {0};
    if (json_read(object, fields, out, false, &e)) {
        return true;
    }
    struct json where = {.type = JSON_NULL, .line = object != NULL ? object->line : 0};
    const char *en = without_line(e.en, &where.line), *zh = without_line(e.zh, &where.line);
    r->mistake(r, &where, "%s%.0s", "%.0s%s", en, zh);
    return false;
}
