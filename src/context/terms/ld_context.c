/* SPDX-License-Identifier: Apache-2.0 */
/* User @contexts: reading term definitions, expanding and compacting names. */
#include "context/terms/ld_context.h"

#include <string.h>

#include "base/limits.h"
#include "context/terms/core_terms.h"

enum { MAX_CHAIN = 16 }; /* terms defined by terms defined by … */

struct ld_context {
    gatomicrefcount references;
    struct arena *arena;  /* of the strings */
    GHashTable *iri_of;   /* term to IRI */
    GHashTable *term_of;  /* IRI to the first term that has it */
    GHashTable *prefixes; /* terms whose IRI ends as a prefix does */
};

struct ld_context *ld_context_ref(struct ld_context *c)
{
    if (c != NULL) {
        g_atomic_ref_count_inc(&c->references);
    }
    return c;
}

void ld_context_unref(struct ld_context *c)
{
    if (c == NULL || !g_atomic_ref_count_dec(&c->references)) {
        return;
    }
    g_hash_table_unref(c->iri_of);
    g_hash_table_unref(c->term_of);
    g_hash_table_unref(c->prefixes);
    arena_free(c->arena);
    g_free(c);
}

static struct ld_context *context_new(void)
{
    struct ld_context *c = g_new0(struct ld_context, 1);
    g_atomic_ref_count_init(&c->references);
    c->arena = arena_new();
    c->iri_of = g_hash_table_new(g_str_hash, g_str_equal);
    c->term_of = g_hash_table_new(g_str_hash, g_str_equal);
    c->prefixes = g_hash_table_new(g_str_hash, g_str_equal);
    return c;
}

/* True for the URLs of the core context, of whatever version. */
static bool ld_is_core_url(const char *url)
{
    const char *path = NULL;
    if (g_str_has_prefix(url, "https://")) {
        path = url + strlen("https://");
    } else if (g_str_has_prefix(url, "http://")) {
        path = url + strlen("http://");
    }
    return path != NULL && g_str_has_prefix(path, "uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context");
}

/* ---- names ---- */

static bool ascii_letter(unsigned char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Letters and digits of Unicode's categories L and N. */
static bool name_character(gunichar u)
{
    return g_unichar_isalpha(u) || g_unichar_isdigit(u) || g_unichar_type(u) == G_UNICODE_OTHER_NUMBER ||
           g_unichar_type(u) == G_UNICODE_LETTER_NUMBER;
}

/* One name without ':'. */
static bool valid_term(const char *p, const char *end)
{
    bool first = true;
    if (p == end) {
        return false;
    }
    while (p < end) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x80) {
            if (!ascii_letter(c) && (first || (!g_ascii_isdigit(c) && c != '_'))) {
                return false;
            }
            p++;
        } else {
            gunichar u = g_utf8_get_char_validated(p, end - p);
            if (u >= (gunichar)-2 || !(first ? g_unichar_isalpha(u) : name_character(u))) {
                return false;
            }
            p = g_utf8_next_char(p);
        }
        first = false;
    }
    return true;
}

bool ld_valid_uri(const char *text, size_t length)
{
    const char *colon = memchr(text, ':', length);
    if (colon == NULL || colon + 1 == text + length || !ascii_letter((unsigned char)text[0])) {
        return false;
    }
    for (const char *p = text; p < colon; p++) {
        if (!g_ascii_isalnum(*p) && strchr("+-.", *p) == NULL) {
            return false;
        }
    }
    for (const char *p = colon; p < text + length; p++) {
        unsigned char c = (unsigned char)*p;
        if (c <= ' ' || c == 0x7f || strchr("<>\"{}|\\^`", c) != NULL) {
            return false;
        }
    }
    return true;
}

bool ld_valid_name(const char *name, size_t length, bool *plain)
{
    const char *colon = memchr(name, ':', length);
    *plain = colon == NULL;
    if (length > LIMIT_NAME) {
        return false;
    }
    if (colon == NULL) {
        return valid_term(name, name + length);
    }
    return ld_valid_uri(name, length) || (valid_term(name, colon) && valid_term(colon + 1, name + length));
}

/* ---- IRIs and stored names ---- */

/* The stored name of an IRI. */
static const char *shorten(struct arena *a, const char *iri)
{
    const char *term = core_term_of_iri(iri);
    if (term != NULL) {
        return term;
    }
    if (g_str_has_prefix(iri, LD_DEFAULT_VOCABULARY)) {
        const char *rest = iri + strlen(LD_DEFAULT_VOCABULARY);
        if (valid_term(rest, rest + strlen(rest)) && ld_core_iri(rest) == NULL) {
            return arena_strdup(a, rest);
        }
    }
    return arena_strdup(a, iri);
}

const char *ld_iri(struct arena *a, const char *stored)
{
    if (strchr(stored, ':') != NULL) {
        return stored;
    }
    const char *core = ld_core_iri(stored);
    return core != NULL ? core : arena_printf(a, "%s%s", LD_DEFAULT_VOCABULARY, stored);
}

/* prefix:rest with the prefix replaced; NULL when there is no such prefix. */
static const char *expand_prefix(const struct ld_context *c, struct arena *a, const char *name)
{
    const char *colon = strchr(name, ':');
    if (colon[1] == '/' && colon[2] == '/') {
        return NULL;
    }
    const char *base = core_prefix(name, (size_t)(colon - name));
    if (base == NULL && c != NULL) {
        g_autofree char *prefix = g_strndup(name, (gsize)(colon - name));
        base = g_hash_table_lookup(c->iri_of, prefix);
    }
    return base != NULL ? arena_printf(a, "%s%s", base, colon + 1) : NULL;
}

const char *ld_expand(const struct ld_context *c, struct arena *a, const char *name)
{
    const char *iri = NULL;
    if (strchr(name, ':') != NULL) {
        if (c != NULL) {
            iri = g_hash_table_lookup(c->iri_of, name);
        }
        if (iri == NULL) {
            iri = expand_prefix(c, a, name);
        }
        return shorten(a, iri != NULL ? iri : name);
    }
    if (c != NULL && ld_core_iri(name) == NULL) {
        iri = g_hash_table_lookup(c->iri_of, name);
    }
    return iri != NULL ? shorten(a, iri) : name;
}

/* The longest prefix term that iri begins with, as "prefix:rest". */
static const char *compact_prefix(const struct ld_context *c, struct arena *a, const char *iri)
{
    const char *best = NULL;
    size_t best_length = 0;
    GHashTableIter i;
    gpointer term;
    g_hash_table_iter_init(&i, c->prefixes);
    while (g_hash_table_iter_next(&i, &term, NULL)) {
        const char *base = g_hash_table_lookup(c->iri_of, term);
        size_t length = strlen(base);
        if (length > best_length && g_str_has_prefix(iri, base) && iri[length] != '\0') {
            best = term;
            best_length = length;
        }
    }
    return best != NULL ? arena_printf(a, "%s:%s", best, iri + best_length) : iri;
}

const char *ld_compact(const struct ld_context *c, struct arena *a, const char *stored)
{
    if (c == NULL || ld_core_iri(stored) != NULL) {
        return stored;
    }
    const char *iri = ld_iri(a, stored);
    const char *term = g_hash_table_lookup(c->term_of, iri);
    if (term != NULL) {
        return term;
    }
    if (iri == stored) {
        return compact_prefix(c, a, iri);
    }
    return g_hash_table_contains(c->iri_of, stored) ? iri
                                                    : stored; /* the short name means something else there */
}

/* ---- reading definitions ---- */

struct reading {
    struct ld_context *context;
    const struct json *object;
    struct error *e;
};

/* A later definition takes the term away from what it meant before. */
static void forget(struct ld_context *c, const char *term)
{
    const char *iri = g_hash_table_lookup(c->iri_of, term);
    if (iri == NULL) {
        return;
    }
    if (g_strcmp0(g_hash_table_lookup(c->term_of, iri), term) == 0) {
        g_hash_table_remove(c->term_of, iri);
    }
    g_hash_table_remove(c->prefixes, term);
    g_hash_table_remove(c->iri_of, term);
}

static bool define(struct ld_context *c, const char *term, const char *iri)
{
    forget(c, term);
    term = arena_strdup(c->arena, term);
    iri = arena_strdup(c->arena, iri);
    g_hash_table_insert(c->iri_of, (gpointer)term, (gpointer)iri);
    if (!g_hash_table_contains(c->term_of, iri)) {
        g_hash_table_insert(c->term_of, (gpointer)iri, (gpointer)term);
    }
    if (strchr("/#:?[]@", iri[strlen(iri) - 1]) != NULL && strchr(term, ':') == NULL) {
        g_hash_table_add(c->prefixes, (gpointer)term);
    }
    return true;
}

/* The text that a definition gives as its IRI; *none for a definition that takes the term away. */
static bool definition_text(struct reading *r, const struct json *d, const char **text, bool *none)
{
    *none = d->type == JSON_NULL;
    if (*none) {
        return true;
    }
    *text = d->type == JSON_STRING ? d->string : NULL;
    if (d->type == JSON_OBJECT) {
        if (json_get(d, "@context") != NULL) {
            return error_set(r->e, ERROR_BAD_REQUEST_DATA,
                             "@context: the term \"%s\" has a scoped context, which NGSI-LD does not allow",
                             "@context：术语“%s”带有作用域上下文，NGSI-LD 不允许", d->key);
        }
        const struct json *id = json_get(d, "@id");
        *none = json_is(id, JSON_NULL);
        *text = id == NULL ? d->key : json_is(id, JSON_STRING) ? id->string : NULL;
    }
    if (*none || (*text != NULL && **text != '\0' && strlen(*text) <= LIMIT_ID)) {
        return true;
    }
    return error_set(r->e, ERROR_BAD_REQUEST_DATA,
                     "@context: the term \"%s\" needs an IRI, or an object with \"@id\"",
                     "@context：术语“%s”需要一个 IRI，或带“@id”的对象", d->key);
}

static bool resolve(struct reading *r, const char *term, const char *text, int chain, const char **iri);

/* The IRI of the term named by name[0..length) in the object being read, or in what was read before; *iri
 * NULL when it is no term. */
static bool resolve_term(struct reading *r, const char *name, size_t length, int chain, const char **iri)
{
    const struct json *d = json_getn(r->object, name, length);
    *iri = NULL;
    if (d != NULL) {
        const char *text = NULL;
        bool none;
        return definition_text(r, d, &text, &none) && (none || resolve(r, d->key, text, chain + 1, iri));
    }
    g_autofree char *term = g_strndup(name, length);
    *iri = ld_core_iri(term);
    if (*iri == NULL) {
        *iri = g_hash_table_lookup(r->context->iri_of, term);
    }
    return true;
}

/* What text, the definition of term, stands for: a keyword, an IRI, prefix:rest or another term. */
static bool resolve(struct reading *r, const char *term, const char *text, int chain, const char **iri)
{
    struct arena *a = r->context->arena;
    const char *colon = strchr(text, ':');
    const char *base = NULL;
    if (chain > MAX_CHAIN) {
        return error_set(r->e, ERROR_BAD_REQUEST_DATA, "@context: \"%s\" is defined in a circle",
                         "@context：“%s”的定义成环", term);
    }
    if (text[0] == '@') {
        *iri = text;
        return true;
    }
    if (colon == NULL) {
        if (strcmp(term, text) != 0 && !resolve_term(r, text, strlen(text), chain, &base)) {
            return false;
        }
        *iri = base != NULL ? base : arena_printf(a, "%s%s", LD_DEFAULT_VOCABULARY, text);
        return true;
    }
    base = core_prefix(text, (size_t)(colon - text));
    if (base == NULL && !(colon[1] == '/' && colon[2] == '/') &&
        !resolve_term(r, text, (size_t)(colon - text), chain, &base)) {
        return false;
    }
    *iri = base != NULL ? arena_printf(a, "%s%s", base, colon + 1) : text;
    return true;
}

/* A term that looks like an IRI may only be defined as what it is anyhow (JSON-LD 1.1 API, 5.2.2,
 * step 14.2.5). */
static bool check_iri_term(struct reading *r, const char *term, const char *iri)
{
    const char *colon = strchr(term + 1, ':'), *own = NULL;
    if (colon == NULL || colon[1] == '\0') {
        return true;
    }
    return resolve(r, "", term, 0, &own) &&
           (strcmp(own, iri) == 0 ||
            error_set(r->e, ERROR_BAD_REQUEST_DATA,
                      "@context: \"%.200s\" is an IRI already and cannot become \"%.200s\"",
                      "@context：“%.200s”本身已是 IRI，不能定义为“%.200s”", term, iri));
}

static bool read_term(struct reading *r, const struct json *d)
{
    const char *text = NULL, *iri = NULL;
    bool none;
    if (!definition_text(r, d, &text, &none)) {
        return false;
    }
    if (none) {
        forget(r->context, d->key);
    }
    if (none || ld_core_iri(d->key) != NULL) { /* the core's terms are protected */
        return true;
    }
    if (!resolve(r, d->key, text, 0, &iri)) {
        return false;
    }
    if (iri[0] == '@') {
        return true;
    }
    if (!ld_valid_uri(iri, strlen(iri))) {
        return error_set(r->e, ERROR_BAD_REQUEST_DATA, "@context: \"%s\" of the term \"%s\" is not an IRI",
                         "@context：“%s”（术语“%s”）不是 IRI", iri, d->key);
    }
    if (!check_iri_term(r, d->key, iri)) {
        return false;
    }
    if (g_hash_table_size(r->context->iri_of) >= LIMIT_CONTEXT_TERMS) {
        return error_set(r->e, ERROR_TOO_LARGE, "@context: more than %d terms", "@context：超过 %d 个术语",
                         LIMIT_CONTEXT_TERMS);
    }
    return define(r->context, d->key, iri);
}

static bool read_object(struct ld_context *c, const struct json *object, struct error *e)
{
    struct reading r = {c, object, e};
    for (const struct json *d = object->first; d != NULL; d = d->next) {
        if (d->key[0] == '@') {
            if (strcmp(d->key, "@vocab") == 0 && d->type != JSON_STRING && d->type != JSON_NULL) {
                return error_set(e, ERROR_BAD_REQUEST_DATA, "@context: \"@vocab\" must be an IRI",
                                 "@context：“@vocab”必须是 IRI");
            }
            continue; /* the core's @vocab wins, and the other keywords do not change names */
        }
        if (d->key[0] != '\0' && !read_term(&r, d)) {
            return false;
        }
    }
    return true;
}

static void take_over(struct ld_context *c, const struct ld_context *from)
{
    GHashTableIter i;
    gpointer term, iri;
    g_hash_table_iter_init(&i, from->iri_of);
    while (g_hash_table_iter_next(&i, &term, &iri)) {
        define(c, term, iri);
    }
}

static bool load(const struct json *url, const struct ld_loader *loader, struct ld_context **found,
                 struct error *e)
{
    *found = NULL;
    if (ld_is_core_url(url->string)) {
        return true;
    }
    if (url->string[0] != '/' && !ld_valid_uri(url->string, url->length)) { /* "/…": one of our own */
        return error_set(e, ERROR_BAD_REQUEST_DATA, "@context: \"%s\" is not a URL", "@context：“%s”不是 URL",
                         url->string);
    }
    if (loader == NULL) {
        return error_set(e, ERROR_CONTEXT_UNAVAILABLE, "The @context %s is not known here",
                         "此处没有 @context %s", url->string);
    }
    return loader->load(loader->user, url->string, found, e);
}

static bool read_part(struct ld_context *c, const struct json *part, const struct ld_loader *loader,
                      struct error *e)
{
    if (part->type == JSON_OBJECT) {
        return read_object(c, part, e);
    }
    if (part->type == JSON_NULL) {
        return true;
    }
    if (part->type != JSON_STRING) {
        return error_set(e, ERROR_BAD_REQUEST_DATA,
                         "@context must be a URL, an object with terms, or an array of both",
                         "@context 必须是 URL、术语对象，或二者的数组");
    }
    ld_context_auto found = NULL;
    if (!load(part, loader, &found, e)) {
        return false;
    }
    if (found != NULL) {
        take_over(c, found);
    }
    return true;
}

/* The only element that is not the core's URL, when there is exactly one. */
static const struct json *single_part(const struct json *value)
{
    const struct json *single = NULL;
    if (value->type != JSON_ARRAY) {
        return value;
    }
    for (const struct json *part = value->first; part != NULL; part = part->next) {
        if (part->type == JSON_STRING && ld_is_core_url(part->string)) {
            continue;
        }
        if (single != NULL) {
            return NULL;
        }
        single = part;
    }
    return single;
}

bool ld_context_parse(const struct json *value, const struct ld_loader *loader, struct ld_context **out,
                      struct error *e)
{
    const struct json *single = single_part(value);
    if (json_is(single, JSON_STRING)) { /* shared, not built anew */
        return load(single, loader, out, e);
    }
    if (value->type == JSON_ARRAY && value->length > LIMIT_CONTEXT_PARTS) {
        return error_set(e, ERROR_TOO_LARGE, "@context: more than %d elements", "@context：超过 %d 个元素",
                         LIMIT_CONTEXT_PARTS);
    }
    ld_context_auto c = context_new();
    if (value->type == JSON_ARRAY) {
        for (const struct json *part = value->first; part != NULL; part = part->next) {
            if (!read_part(c, part, loader, e)) {
                return false;
            }
        }
    } else if (!read_part(c, value, loader, e)) {
        return false;
    }
    if (g_hash_table_size(c->iri_of) > 0) {
        *out = g_steal_pointer(&c);
    } else {
        *out = NULL;
    }
    return true;
}
