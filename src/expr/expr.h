/* SPDX-License-Identifier: Apache-2.0 */
/* The small languages: NGSI-LD queries (q), scopes (scopeQ), type selections, and the formulas and texts of
 * packs. Each is compiled once, is read-only then (threads may share it), and is evaluated against entities
 * in stored form (context/context.h). */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/json.h"

/* Turns a name as the client wrote it into the name as stored (by the @context). The answer lives in a or
 * longer. NULL instead of a function means that names are as stored already. */
struct expr_names {
    const char *(*expand)(void *user, struct arena *a, const char *name);
    void *user;
};

/* ---- q: ETSI GS CIM 009 V1.9.1, 4.9 ---- */

struct q;
struct q_options {
    struct expr_names names;
    const char *const
        *expand_values; /* attributes (as written) whose values are names too; NULL-terminated or NULL */
    bool linked;        /* rel{Type:attr} may be used: q_matches gets a way to read other entities */
};
/* At most LIMIT_QUERY_NODES terms and operators (ERROR_TOO_COMPLEX); else ERROR_BAD_REQUEST_DATA with the
 * place of the mistake. options may be NULL. */
struct q *q_compile(const char *text, const struct q_options *options, struct error *e);
void q_free(struct q *q); /* NULL is fine */
/* Reads another entity in stored form; NULL when there is none. */
struct q_reader {
    const struct json *(*entity)(void *user, const char *id);
    void *user;
};
/* reader may be NULL when the query was compiled without `linked`. Regular expressions stop at a match limit:
 * such a term does not match. */
bool q_matches(const struct q *q, const struct json *entity, const struct q_reader *reader);
/* The top-level attributes that must exist in whatever matches (for an index or a cheap first look),
 * NULL-terminated; may be empty. Lives as long as q. */
const char *const *q_required(const struct q *q);
/* All top-level attributes that it names, each once, NULL-terminated. Lives as long as q. */
const char *const *q_attributes(const struct q *q);
/* How many Relationships its deepest term follows: 0 = it looks at one entity only. */
int q_depth(const struct q *q);
/* A condition on one top-level attribute's own value that every match fulfils: it equals one of these texts,
 * or, when texts is NULL, is a number from low to high. */
struct q_need {
    const char *attribute;
    const char *const *texts; /* NULL-terminated */
    double low, high;
};
/* The most selective one, with pointers into a and q. False when there is none. */
bool q_need(const struct q *q, struct arena *a, struct q_need *out);
/* What everything that matches must fulfil: some value of the attribute (of any instance, any element of an
 * array, any language) lies in one of these bounds. For an index; what it finds must still be held against q.
 */
enum q_bound_kind { Q_BOUND_NUMBER, Q_BOUND_TEXT, Q_BOUND_BOOL, Q_BOUND_TIME };
struct q_bound {
    enum q_bound_kind kind;
    bool has_low, has_high;           /* both ends belong to it */
    double low, high;                 /* NUMBER */
    const char *low_text, *high_text; /* TEXT, by its bytes; lives as long as q */
    int64_t low_at, high_at;          /* TIME: an instant; BOOL: 0 or 1 */
};
struct q_condition {
    const char *attribute;
    const struct q_bound *any_of;
    int count;
};
/* At most so many conditions, all of which hold, in a; returns their number. */
int q_conditions(const struct q *q, struct arena *a, struct q_condition *out, int most);
typedef struct q q_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(q_autoptr_target, q_free)
#define q_auto g_autoptr(q_autoptr_target)

/* ---- scopeQ: 4.19 ---- */

struct scope_query;
struct scope_query *scope_query_compile(const char *text, struct error *e);
void scope_query_free(struct scope_query *q); /* NULL is fine */
/* scopes is the entity's member "scope": an array of strings, or NULL (matches nothing). */
bool scope_query_matches(const struct scope_query *q, const struct json *scopes);
/* The scope that all matches are or lie below ("/渝中区"), or NULL when there is no single one. For the
 * index. */
const char *scope_query_prefix(const struct scope_query *q);
typedef struct scope_query scope_query_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(scope_query_autoptr_target, scope_query_free)
#define scope_query_auto g_autoptr(scope_query_autoptr_target)

/* ---- type selection: 4.17, "A|B,(C;D)", "*" ---- */

struct type_query;
struct type_query *type_query_compile(const char *text, const struct expr_names *names, struct error *e);
void type_query_free(struct type_query *q); /* NULL is fine */
/* types is the entity's member "type": an array of strings (or one string). */
bool type_query_matches(const struct type_query *q, const struct json *types);
/* Every match has one of these types: NULL-terminated, *count may be NULL. NULL when every type matches
 * ("*"). For the index. */
const char *const *type_query_any_of(const struct type_query *q, int *count);
typedef struct type_query type_query_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(type_query_autoptr_target, type_query_free)
#define type_query_auto g_autoptr(type_query_autoptr_target)

/* ---- formulas of packs: `level - downstream.level > 0.8 and rain.intensity >= 20` ---- */

/* or, and, not; == != < <= > >=; + - * / %; numbers, 'text' or "text", true, false; names, dotted where they
 * go through a Relationship or into a sub-attribute; min max (any number of arguments) abs round(x[,
 * decimals]) ceil floor sqrt pow(x, y) if(condition, a, b) coalesce(a, …) has(name). What is missing stays
 * missing: any operation with a missing operand is missing, except that `and` with a false side is false,
 * `or` with a true side is true, and coalesce and has look for it. Division by zero, arithmetic on texts and
 * order between different kinds are missing too; == between different kinds is false. */
enum value_kind { VALUE_MISSING, VALUE_NUMBER, VALUE_STRING, VALUE_BOOL };
struct value {
    enum value_kind kind;
    union {
        double number; /* finite */
        const char *string;
        bool boolean;
    };
};
struct value value_number(double n);         /* missing when not finite */
struct value value_string(const char *text); /* missing when NULL; not copied */
struct value value_bool(bool b);
/* A number, string or boolean (also inside {"@type": …, "@value": …}); anything else is missing. */
struct value value_of_json(const struct json *j);
/* The instance of an attribute in stored form (one instance or an array of them) that has no datasetId; NULL
 * when there is none. */
const struct json *default_instance(const struct json *attribute);
/* The value of the default instance of an entity's attribute (stored form): Property, Relationship (its
 * object), the zh text of a LanguageProperty. Also "id", and "type" (the first). */
struct value value_of_attribute(const struct json *entity, const char *attribute);

/* A dotted name. */
struct formula_path {
    const char *const *segments;
    int count;
};
typedef struct value (*formula_resolver)(void *user, const char *const *segments, int count);

struct formula;
/* ERROR_BAD_REQUEST_DATA with the place ("at character 12") in both languages; at most LIMIT_QUERY_NODES
 * nodes. */
struct formula *formula_parse(const char *text, struct error *e);
void formula_free(struct formula *f); /* NULL is fine */
/* Strings in the result live as long as the formula or as what the resolver gave. */
struct value formula_eval(const struct formula *f, formula_resolver resolve, void *user);
/* The names used, each once, in order of appearance. Lives as long as the formula. */
const struct formula_path *formula_paths(const struct formula *f, int *count);
typedef struct formula formula_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(formula_autoptr_target, formula_free)
#define formula_auto g_autoptr(formula_autoptr_target)

/* ---- texts with values: "{name} PM2.5 为 {pm25} µg/m³" ---- */

/* Between braces stands a formula, perhaps with decimals: {level:.2f}. "{{" and "}}" are braces. A missing
 * value is written as "—". A number without decimals is written with as many as it needs, at most six. */
struct text_template;
struct text_template *text_template_parse(const char *text, struct error *e);
void text_template_free(struct text_template *t); /* NULL is fine */
void text_template_render(const struct text_template *t, GString *out, formula_resolver resolve, void *user);
const struct formula_path *text_template_paths(const struct text_template *t, int *count);
typedef struct text_template text_template_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(text_template_autoptr_target, text_template_free)
#define text_template_auto g_autoptr(text_template_autoptr_target)
