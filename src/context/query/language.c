/* SPDX-License-Identifier: Apache-2.0 */
/* The language filter (4.15): ranges of RFC 5646 tags with weights, against a languageMap. */
#include <string.h>

#include "context/query/render.h"

#define SUBTAGS "[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*"
#define WEIGHT "(\\s*;\\s*q\\s*=\\s*(0(\\.[0-9]{0,3})?|1(\\.0{0,3})?))?"

bool render_language_check(const char *lang, struct error *e)
{
    g_auto(GStrv) ranges = g_strsplit(lang, ",", 50);
    for (char **range = ranges; *range != NULL; range++) {
        if (!g_regex_match_simple("^\\s*(" SUBTAGS "|\\*)" WEIGHT "\\s*$", *range, 0, 0)) {
            return error_set(e, ERROR_BAD_REQUEST_DATA,
                             "lang: \"%.40s\" is no language; write tags such as zh, fr-CH or *, with "
                             "weights as in en;q=0.8",
                             "lang：“%.40s”不是语言；请写语言标签，如 zh、fr-CH 或 *，可带权重，如 en;q=0.8",
                             *range);
        }
    }
    return *ranges != NULL || error_set(e, ERROR_BAD_REQUEST_DATA, "lang is empty", "lang 为空");
}

/* Does the tag fall under the range ("zh" takes "zh-Hans")? */
static bool in_range(const char *tag, const char *range)
{
    size_t n = strlen(range);
    return g_ascii_strncasecmp(tag, range, n) == 0 && (tag[n] == '\0' || tag[n] == '-');
}

static const struct json *text_for_range(const struct json *map, const char *range)
{
    const struct json *within = NULL;
    for (const struct json *m = json_first(map); m != NULL; m = m->next) {
        if (g_ascii_strcasecmp(m->key, range) == 0) {
            return m;
        }
        within = within == NULL && in_range(m->key, range) ? m : within;
    }
    const char *dash = strrchr(range, '-'); /* "zh-CN" is content with "zh" */
    if (within != NULL || dash == NULL) {
        return within;
    }
    g_autofree char *shorter = g_strndup(range, (gsize)(dash - range));
    return text_for_range(map, shorter);
}

/* Cuts the weight off a range; 1 when it has none. */
static double take_weight(char *range)
{
    char *parameters = strchr(range, ';');
    if (parameters == NULL) {
        return 1;
    }
    *parameters++ = '\0';
    const char *q = strchr(parameters, '=');
    return q != NULL ? g_ascii_strtod(q + 1, NULL) : 1;
}

const struct json *render_language(const struct json *map, const char *lang, const char **language)
{
    g_auto(GStrv) ranges = g_strsplit(lang, ",", 50);
    const struct json *best = NULL;
    double best_weight = 0;
    for (char **range = ranges; *range != NULL; range++) {
        double weight = take_weight(*range);
        const char *name = g_strstrip(*range);
        const struct json *m = strcmp(name, "*") == 0 ? json_first(map) : text_for_range(map, name);
        if (m != NULL && weight > best_weight) {
            best = m;
            best_weight = weight;
        }
    }
    if (best == NULL) {
        best = json_get(map, "@none");
    }
    if (best == NULL) {
        best = json_first(map);
    }
    *language = best != NULL ? best->key : NULL;
    return best;
}
