/* SPDX-License-Identifier: Apache-2.0 */
/* `zhongshu packs check|list|explain`: packs without a hub. */
#include <stdio.h>
#include <string.h>

#include "hub/section.h"
#include "packs/mistake.h"
#include "packs/packs.h"
#include "packs/set.h"

static bool wants_chinese(const char *language)
{
    if (language != NULL) {
        return g_str_has_prefix(language, "zh");
    }
    const char *const *names = g_get_language_names();
    return names[0] != NULL && g_str_has_prefix(names[0], "zh");
}

static void print_mistakes(FILE *out, const struct pack_set *s, bool chinese)
{
    for (guint i = 0; i < s->mistakes->len; i++) {
        g_autofree char *text = mistake_text(s->mistakes->pdata[i], chinese);
        fprintf(out, "%s\n", text);
    }
}

struct pack_set *packs_read(const char *const *dirs, const struct feature *const *features, struct error *e)
{
    struct pack_set *s = pack_set_read(dirs, features);
    if (s->mistakes->len == 0) {
        return s;
    }
    print_mistakes(stderr, s, wants_chinese(NULL));
    error_set(e, ERROR_BAD_REQUEST_DATA, "the packs have %u mistakes", "应用包有 %u 处错误",
              s->mistakes->len);
    pack_set_free(s);
    return NULL;
}

static int check(const struct pack_set *s, const struct feature *const *features, bool chinese)
{
    print_mistakes(stdout, s, chinese);
    unsigned packs = s->packs->len - 1, mistakes = s->mistakes->len;
    printf(chinese ? "%u 个应用包，%u 处错误\n" : "%u packs, %u mistakes\n", packs, mistakes);
    return mistakes > 0 ? 1 : 0;
}

static int list(const struct pack_set *s, const struct feature *const *features, bool chinese)
{
    print_mistakes(stderr, s, chinese);
    for (const struct pack *const *p = pack_set_packs(s); *p != NULL; p++) {
        const struct json *about = json_get((*p)->root, "pack");
        const char *version = json_get_string(about, "version");
        printf("%-16s %-8s %s (%s)\n", (*p)->name, version != NULL ? version : "?",
               section_text(json_get(about, "title"), chinese), (*p)->dir);
    }
    return s->mistakes->len > 0 ? 1 : 0;
}

static void explain_section(const struct pack_section *section, const struct feature *f,
                            const struct pack_set *s, bool chinese)
{
    printf("%s (%s): %s\n", section->name, f->name, chinese ? section->zh : section->en);
    for (const struct pack *const *p = pack_set_packs(s); *p != NULL; p++) {
        const struct json *content = json_get((*p)->root, section->name);
        if (json_is(content, JSON_ARRAY) || json_is(content, JSON_OBJECT)) {
            printf("    %s: %u\n", (*p)->name, content->length);
        }
    }
}

static int explain(const struct pack_set *s, const struct feature *const *features, bool chinese)
{
    print_mistakes(stderr, s, chinese);
    for (const struct feature *const *f = features; *f != NULL; f++) {
        for (const struct pack_section *c = (*f)->sections; c != NULL && c->name != NULL; c++) {
            explain_section(c, *f, s, chinese);
        }
    }
    return s->mistakes->len > 0 ? 1 : 0;
}

static const struct {
    const char *name;
    int (*run)(const struct pack_set *s, const struct feature *const *features, bool chinese);
} commands[] = {{"check", check}, {"list", list}, {"explain", explain}};

static int usage(FILE *out)
{
    fputs("usage: zhongshu packs check|list|explain [DIR…] [--lang zh|en]\n"
          "  check    every mistake as file:line: sentence; exit code 1 when there is any\n"
          "  list     name, version, title and folder, in the order of needs\n"
          "  explain  the sections that packs may have, and what each pack has of them\n"
          "  DIR is a pack or a folder of packs; default ./packs\n"
          "example: zhongshu packs check packs/air\n",
          out);
    return out == stdout ? 0 : 2;
}

int packs_command(int argc, char **argv, const struct feature *const *features)
{
    const char *language = NULL, *name = NULL;
    g_autoptr(GPtrArray) dirs = g_ptr_array_new();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc) {
            language = argv[++i];
        } else if (g_str_has_prefix(argv[i], "--lang=")) {
            language = argv[i] + strlen("--lang=");
        } else if (argv[i][0] == '-') {
            return usage(strcmp(argv[i], "--help") == 0 ? stdout : stderr);
        } else if (name == NULL) {
            name = argv[i];
        } else {
            g_ptr_array_add(dirs, argv[i]);
        }
    }
    if (dirs->len == 0) {
        g_ptr_array_add(dirs, (void *)"packs");
    }
    g_ptr_array_add(dirs, NULL);
    for (size_t i = 0; name != NULL && i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            struct pack_set *s = pack_set_read((const char *const *)dirs->pdata, features);
            int code = commands[i].run(s, features, wants_chinese(language));
            pack_set_free(s);
            return code;
        }
    }
    return usage(stderr);
}
