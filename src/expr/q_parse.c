/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of the NGSI-LD query language (ETSI GS CIM 009 V1.9.1, 4.9). */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "expr/q_tree.h"

enum {
    MAX_DEPTH = 50,      /* nested parentheses and braces */
    MAX_PATTERN = 1000,  /* bytes of a regular expression */
    MAX_QUERY = 1 << 16, /* bytes of a query */
};
/* PCRE2 reads these from the front of the pattern; a pattern's own may only lower them. */
#define PATTERN_LIMITS "(*LIMIT_MATCH=100000)(*LIMIT_DEPTH=2000)"

struct parser {
    struct arena *a;
    struct q *q;
    const struct q_options *options;
    const char *start;
    const char *p;
    int nodes;
    int depth;
    struct error *e;
};

#define fail(ps, en, zh)                                                                            \
    error_set((ps)->e, ERROR_BAD_REQUEST_DATA, "q, at character %ld: " en, "q，第 %ld 个字符：" zh, \
              position(ps))

static long position(const struct parser *ps)
{
    return g_utf8_strlen(ps->start, ps->p - ps->start) + 1;
}

static void skip_space(struct parser *ps)
{
    while (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\n') {
        ps->p++;
    }
}

static bool take(struct parser *ps, const char *literal)
{
    skip_space(ps);
    if (!g_str_has_prefix(ps->p, literal)) {
        return false;
    }
    ps->p += strlen(literal);
    return true;
}

static bool count_node(struct parser *ps)
{
    if (++ps->nodes > LIMIT_QUERY_NODES) {
        return error_set(ps->e, ERROR_TOO_COMPLEX, "q has more than %d terms; ask in parts",
                         "q 超过 %d 个条件；请拆分查询", LIMIT_QUERY_NODES);
    }
    return true;
}

/* ---- attribute paths ---- */

static bool is_number_char(gunichar c)
{
    GUnicodeType t = g_unichar_type(c);
    return t == G_UNICODE_DECIMAL_NUMBER || t == G_UNICODE_LETTER_NUMBER || t == G_UNICODE_OTHER_NUMBER;
}

/* The name at p, or NULL. */
static const char *take_name(struct parser *ps)
{
    const char *from = ps->p;
    gunichar c = g_utf8_get_char(ps->p);
    if (!g_unichar_isalpha(c)) {
        return NULL;
    }
    while (g_unichar_isalpha(c) || is_number_char(c) || c == '_') {
        ps->p = g_utf8_next_char(ps->p);
        c = g_utf8_get_char(ps->p);
    }
    return arena_strndup(ps->a, from, (size_t)(ps->p - from));
}

static const char *expand(struct parser *ps, const char *name)
{
    if (ps->options == NULL || ps->options->names.expand == NULL) {
        return name;
    }
    return arena_strdup(ps->a, ps->options->names.expand(ps->options->names.user, ps->a, name));
}

static const char **strings_of(struct arena *a, GPtrArray *list)
{
    const char **array = arena_array(a, const char *, list->len + 1);
    for (guint i = 0; i < list->len; i++) {
        array[i] = g_ptr_array_index(list, i);
    }
    return array;
}

static bool refuse_name(struct parser *ps)
{
    return fail(ps, "the name of an attribute was expected (letters, digits and _)",
                "此处应为属性名（字母、数字和下划线）");
}

/* [a.b.c], [*], [zh-CN] */
static bool parse_members(struct parser *ps, struct q_term *term)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    while (list->len == 0 || *ps->p == '.') {
        ps->p += list->len > 0;
        size_t n = strcspn(ps->p, ".]");
        if (n == 0 || ps->p[n] == '\0' || n > LIMIT_NAME || list->len >= MAX_DEPTH) {
            return fail(ps, "the path in [ ] is not complete, e.g. address[city]",
                        "[ ] 中的路径不完整，例如 address[city]");
        }
        g_ptr_array_add(list, arena_strndup(ps->a, ps->p, n));
        ps->p += n;
    }
    ps->p++;
    term->members = strings_of(ps->a, list);
    term->members_count = (int)list->len;
    return true;
}

static bool parse_value_path(struct parser *ps, struct q_term *term, const char *first)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_ptr_array_add(list, (gpointer)expand(ps, first));
    while (*ps->p == '.' && ps->p[1] != '.') {
        ps->p++;
        const char *name = take_name(ps);
        if (name == NULL) {
            return refuse_name(ps);
        }
        if (list->len >= MAX_DEPTH) {
            return fail(ps, "the path is too deep", "路径过深");
        }
        g_ptr_array_add(list, (gpointer)expand(ps, name));
    }
    term->path = strings_of(ps->a, list);
    term->path_count = (int)list->len;
    if (*ps->p == '[') {
        ps->p++;
        return parse_members(ps, term);
    }
    return true;
}

/* What stands after "{": perhaps "Type,Type:", then the next name, which goes to *name. */
static bool parse_hop_types(struct parser *ps, struct q_hop *hop, const char **name)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    *name = take_name(ps);
    while (*name != NULL && *ps->p == ',') {
        g_ptr_array_add(types, (gpointer)expand(ps, *name));
        ps->p++;
        *name = take_name(ps);
    }
    if (*name != NULL && *ps->p == ':') {
        g_ptr_array_add(types, (gpointer)expand(ps, *name));
        ps->p++;
        *name = take_name(ps);
        hop->types = strings_of(ps->a, types);
    } else if (types->len > 0) {
        return fail(ps, "a list of types must end with \":\"", "类型列表之后应为“:”");
    }
    return *name != NULL || refuse_name(ps);
}

static bool parse_attribute(struct parser *ps, struct q_term *term)
{
    skip_space(ps);
    const char *name = take_name(ps);
    if (name == NULL) {
        return refuse_name(ps);
    }
    int open = 0;
    for (struct q_hop **tail = &term->hops; *ps->p == '{'; tail = &(*tail)->next, open++) {
        if (ps->options == NULL || !ps->options->linked) {
            return error_set(ps->e, ERROR_NOT_SUPPORTED, "linked entities in q, %s{…}, cannot be used here",
                             "此处的 q 不支持关联实体查询 %s{…}", name);
        }
        if (open >= MAX_DEPTH || !count_node(ps)) {
            return open < MAX_DEPTH ? false : fail(ps, "too many linked entities", "关联实体层数过多");
        }
        ps->p++;
        *tail = arena_new0(ps->a, struct q_hop);
        (*tail)->attribute = expand(ps, name);
        if (!parse_hop_types(ps, *tail, &name)) {
            return false;
        }
    }
    if (!parse_value_path(ps, term, name)) {
        return false;
    }
    for (; open > 0; open--) {
        if (!take(ps, "}")) {
            return fail(ps, "\"}\" was expected", "此处应为“}”");
        }
    }
    return true;
}

/* ---- values ---- */

static bool is_json_number(const char *s)
{
    s += *s == '-';
    size_t whole = strspn(s, "0123456789");
    if (whole == 0 || (whole > 1 && *s == '0')) {
        return false;
    }
    s += whole;
    if (*s == '.') {
        size_t n = strspn(++s, "0123456789");
        if (n == 0) {
            return false;
        }
        s += n;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '+' || *s == '-';
        size_t n = strspn(s, "0123456789");
        if (n == 0) {
            return false;
        }
        s += n;
    }
    return *s == '\0';
}

static bool is_uri(const char *text)
{
    const char *colon = strchr(text, ':');
    return g_ascii_isalpha(*text) && colon != NULL && colon[1] != '\0' && strpbrk(text, " \t\"<>{}") == NULL;
}

/* An unquoted word ends where its term or list or range does. */
static const char *take_word(struct parser *ps)
{
    const char *from = ps->p;
    while (*ps->p != '\0' && strchr(";|),", *ps->p) == NULL && !g_str_has_prefix(ps->p, "..")) {
        ps->p++;
    }
    return g_strchomp(arena_strndup(ps->a, from, (size_t)(ps->p - from)));
}

static bool parse_quoted(struct parser *ps, struct q_value *v)
{
    const char *end = ps->p + 1;
    while (*end != '\0' && *end != '"') {
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    }
    if (*end == '\0') {
        return fail(ps, "the text has no closing quotation mark", "文本缺少右引号");
    }
    struct json *text = json_parse(ps->a, ps->p, (size_t)(end + 1 - ps->p), NULL);
    if (!json_is(text, JSON_STRING)) {
        return fail(ps, "the text is no JSON string (check its backslashes)",
                    "该文本不是合法的 JSON 字符串（请检查反斜杠）");
    }
    *v = (struct q_value){.kind = Q_TEXT, .text = text->string};
    ps->p = end + 1;
    return true;
}

static bool parse_word(struct parser *ps, struct q_value *v, bool is_name)
{
    const char *before = ps->p;
    const char *w = take_word(ps);
    instant at;
    if (strcmp(w, "true") == 0 || strcmp(w, "false") == 0) {
        *v = (struct q_value){.kind = Q_BOOL, .boolean = *w == 't'};
    } else if (is_json_number(w) && isfinite(g_ascii_strtod(w, NULL))) {
        *v = (struct q_value){.kind = Q_NUMBER, .number = g_ascii_strtod(w, NULL)};
    } else if (instant_parse(w, strlen(w), NULL, &at)) {
        *v = (struct q_value){.kind = Q_DATE_TIME, .at = at};
    } else if (day_parse(w, strlen(w), &at)) {
        *v = (struct q_value){.kind = Q_DATE, .text = w};
    } else if (day_time_parse(w, strlen(w), &at)) {
        *v = (struct q_value){.kind = Q_TIME, .at = at};
    } else if (is_uri(w) || (is_name && *w != '\0' && strpbrk(w, " \"") == NULL)) {
        *v = (struct q_value){.kind = Q_TEXT, .text = w};
    } else {
        ps->p = before;
        return fail(
            ps,
            "a value was expected: a number, true, false, a date or time, a URI, or a text in double quotes",
            "此处应为值：数字、true、false、日期或时间、URI，或双引号中的文本");
    }
    return true;
}

static bool parse_value(struct parser *ps, struct q_value *v, bool is_name)
{
    skip_space(ps);
    if (!count_node(ps) || !(*ps->p == '"' ? parse_quoted(ps, v) : parse_word(ps, v, is_name))) {
        return false;
    }
    if (v->kind == Q_TEXT && (is_name || is_uri(v->text))) {
        v->name = expand(ps, v->text);
        v->text = is_name ? v->name : v->text;
    }
    return true;
}

static bool parse_range(struct parser *ps, struct q_term *term, struct q_value *low)
{
    struct q_value *ends = arena_array(ps->a, struct q_value, 2);
    ends[0] = *low;
    if (!parse_value(ps, &ends[1], false)) {
        return false;
    }
    if (ends[0].kind != ends[1].kind || ends[0].kind == Q_BOOL) {
        return fail(ps, "both ends of a range must be of one kind", "范围的两端必须是同一类值");
    }
    term->values = ends;
    term->values_count = 2;
    term->is_range = true;
    return true;
}

static bool parse_equality_values(struct parser *ps, struct q_term *term, bool is_name)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct q_value));
    do {
        struct q_value v;
        if (!parse_value(ps, &v, is_name)) {
            return false;
        }
        if (list->len == 0 && take(ps, "..")) {
            return parse_range(ps, term, &v);
        }
        g_array_append_val(list, v);
    } while (take(ps, ","));
    term->values = arena_array(ps->a, struct q_value, list->len);
    memcpy(term->values, list->data, sizeof(struct q_value) * list->len);
    term->values_count = (int)list->len;
    return true;
}

static bool parse_order_value(struct parser *ps, struct q_term *term)
{
    term->values = arena_new0(ps->a, struct q_value);
    term->values_count = 1;
    skip_space(ps);
    bool quoted = *ps->p == '"';
    if (!parse_value(ps, term->values, false)) {
        return false;
    }
    if (term->values->kind == Q_BOOL || (term->values->kind == Q_TEXT && !quoted)) {
        return fail(ps, "> >= < <= compare numbers, dates, times and quoted texts only",
                    "> >= < <= 只能比较数字、日期、时间和带引号的文本");
    }
    return true;
}

/* ---- patterns ---- */

/* A quoted pattern is taken as it stands, but for \" . */
static const char *take_quoted_pattern(struct parser *ps)
{
    GString *out = g_string_new("");
    const char *p = ps->p + 1;
    for (; *p != '\0' && *p != '"'; p++) {
        if (*p == '\\' && p[1] == '"') {
            p++;
        } else if (*p == '\\' && p[1] != '\0') {
            g_string_append_c(out, *p++);
        }
        g_string_append_c(out, *p);
    }
    const char *pattern = *p == '"' ? arena_strdup(ps->a, out->str) : NULL;
    g_string_free(out, TRUE);
    if (pattern != NULL) {
        ps->p = p + 1;
    }
    return pattern;
}

/* A bare pattern ends at the first ; | or ) that is not inside its own brackets. */
static const char *take_bare_pattern(struct parser *ps)
{
    const char *from = ps->p;
    int open = 0;
    for (bool in_class = false; *ps->p != '\0'; ps->p++) {
        char c = *ps->p;
        if (c == '\\' && ps->p[1] != '\0') {
            ps->p++;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
        } else if (c == '(') {
            open++;
        } else if (c == ')' && open > 0) {
            open--;
        } else if (open == 0 && strchr(";|)", c) != NULL) {
            break;
        }
    }
    return arena_strndup(ps->a, from, (size_t)(ps->p - from));
}

/* \C would match half a character. */
static bool has_byte_escape(const char *pattern)
{
    for (const char *p = pattern; (p = strchr(p, '\\')) != NULL && p[1] != '\0'; p += 2) {
        if (p[1] == 'C') {
            return true;
        }
    }
    return false;
}

static bool parse_pattern(struct parser *ps, struct q_term *term)
{
    skip_space(ps);
    const char *pattern = *ps->p == '"' ? take_quoted_pattern(ps) : take_bare_pattern(ps);
    if (!count_node(ps)) {
        return false;
    }
    if (pattern == NULL || *pattern == '\0' || strlen(pattern) > MAX_PATTERN || has_byte_escape(pattern)) {
        return fail(ps, "~= needs a regular expression of at most 1000 bytes, without \\C",
                    "~= 需要不超过 1000 字节、不含 \\C 的正则表达式");
    }
    g_autoptr(GError) error = NULL;
    g_autofree char *bounded = g_strconcat(PATTERN_LIMITS, pattern, NULL);
    term->pattern = g_regex_new(bounded, G_REGEX_DEFAULT, 0, &error);
    if (term->pattern == NULL) {
        return error_set(ps->e, ERROR_BAD_REQUEST_DATA, "q: \"%.100s\" is no regular expression: %.200s",
                         "q：“%.100s”不是合法的正则表达式：%.200s", pattern, error->message);
    }
    g_ptr_array_add(ps->q->patterns, term->pattern);
    return true;
}

/* ---- terms and their combination ---- */

static enum q_operator take_operator(struct parser *ps)
{
    static const struct {
        const char *text;
        enum q_operator op;
    } operators[] = {
        {"!~=", Q_UNLIKE},       {"==", Q_EQUAL},      {"!=", Q_UNEQUAL}, {"~=", Q_LIKE},
        {">=", Q_GREATER_EQUAL}, {"<=", Q_LESS_EQUAL}, {">", Q_GREATER},  {"<", Q_LESS},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
        if (take(ps, operators[i].text)) {
            return operators[i].op;
        }
    }
    return Q_EXISTS;
}

/* Is the target of the path among the attributes whose values are names? */
static bool values_are_names(struct parser *ps, const struct q_term *term)
{
    const char *const *names = ps->options != NULL ? ps->options->expand_values : NULL;
    for (; names != NULL && *names != NULL; names++) {
        const char *stored = expand(ps, *names);
        if (strcmp(stored, term->path[0]) == 0 || strcmp(stored, term->path[term->path_count - 1]) == 0) {
            return true;
        }
    }
    return false;
}

static bool parse_term(struct parser *ps, struct q_node *node)
{
    struct q_term *term = arena_new0(ps->a, struct q_term);
    node->term = term;
    skip_space(ps);
    if (!count_node(ps) || !parse_attribute(ps, term)) {
        return false;
    }
    bool is_name = values_are_names(ps, term);
    term->op = take_operator(ps);
    switch (term->op) {
    case Q_EXISTS: return true;
    case Q_EQUAL:
    case Q_UNEQUAL: return parse_equality_values(ps, term, is_name);
    case Q_LIKE:
    case Q_UNLIKE: return parse_pattern(ps, term);
    default: return parse_order_value(ps, term);
    }
}

static struct q_node *parse_list(struct parser *ps, enum q_node_kind kind);

/* A term, or an expression in parentheses. */
static struct q_node *parse_primary(struct parser *ps)
{
    if (!take(ps, "(")) {
        struct q_node *node = arena_new0(ps->a, struct q_node);
        return parse_term(ps, node) ? node : NULL;
    }
    if (++ps->depth > MAX_DEPTH) {
        fail(ps, "too many parentheses inside each other", "括号嵌套过深");
        return NULL;
    }
    struct q_node *node = parse_list(ps, Q_OR);
    ps->depth--;
    if (node != NULL && !take(ps, ")")) {
        fail(ps, "\")\" was expected", "此处应为“)”");
        return NULL;
    }
    return node;
}

/* Q_OR: what "|" joins; Q_AND: what ";" joins, which binds more tightly. */
static struct q_node *parse_list(struct parser *ps, enum q_node_kind kind)
{
    struct q_node *list = arena_new0(ps->a, struct q_node);
    list->kind = kind;
    struct q_node **tail = &list->first;
    do {
        *tail = kind == Q_OR ? parse_list(ps, Q_AND) : parse_primary(ps);
        if (*tail == NULL) {
            return NULL;
        }
        tail = &(*tail)->next;
    } while (take(ps, kind == Q_OR ? "|" : ";"));
    return list->first->next == NULL ? list->first : list;
}

/* ---- what must be there ---- */

static bool holds(GPtrArray *set, const char *name)
{
    return g_ptr_array_find_with_equal_func(set, name, g_str_equal, NULL);
}

static void collect_required(const struct q_node *node, GPtrArray *set);

/* Keeps in set what every alternative requires. */
static void collect_common(const struct q_node *alternatives, GPtrArray *set)
{
    collect_required(alternatives, set);
    for (const struct q_node *n = alternatives->next; n != NULL; n = n->next) {
        g_autoptr(GPtrArray) other = g_ptr_array_new();
        collect_required(n, other);
        for (guint i = set->len; i > 0; i--) {
            if (!holds(other, g_ptr_array_index(set, i - 1))) {
                g_ptr_array_remove_index(set, i - 1);
            }
        }
    }
}

/* The attribute that a term begins with. */
static const char *attribute_of(const struct q_term *t)
{
    return t->hops != NULL ? t->hops->attribute : t->path[0];
}

static void collect_all(const struct q_node *node, GPtrArray *set)
{
    if (node->kind == Q_TERM && !holds(set, attribute_of(node->term))) {
        g_ptr_array_add(set, (gpointer)attribute_of(node->term));
    }
    for (const struct q_node *n = node->kind != Q_TERM ? node->first : NULL; n != NULL; n = n->next) {
        collect_all(n, set);
    }
}

static void collect_required(const struct q_node *node, GPtrArray *set)
{
    if (node->kind == Q_OR) {
        g_autoptr(GPtrArray) common = g_ptr_array_new();
        collect_common(node->first, common);
        for (guint i = 0; i < common->len; i++) {
            if (!holds(set, g_ptr_array_index(common, i))) {
                g_ptr_array_add(set, g_ptr_array_index(common, i));
            }
        }
        return;
    }
    if (node->kind == Q_TERM) {
        const char *name = attribute_of(node->term);
        if (!holds(set, name)) {
            g_ptr_array_add(set, (gpointer)name);
        }
    }
    for (const struct q_node *n = node->kind == Q_AND ? node->first : NULL; n != NULL; n = n->next) {
        collect_required(n, set);
    }
}

struct q *q_compile(const char *text, const struct q_options *options, struct error *e)
{
    g_autoptr(q_autoptr_target) q = g_new0(struct q, 1);
    q->a = arena_new();
    q->patterns = g_ptr_array_new_with_free_func((GDestroyNotify)g_regex_unref);
    struct parser ps = {.a = q->a, .q = q, .options = options, .start = text, .p = text, .e = e};
    if (strlen(text) > MAX_QUERY || !g_utf8_validate(text, -1, NULL)) {
        error_set(e, ERROR_BAD_REQUEST_DATA, "q is too long or not UTF-8", "q 过长或不是 UTF-8 文本");
        return NULL;
    }
    q->root = parse_list(&ps, Q_OR);
    if (q->root == NULL) {
        return NULL;
    }
    skip_space(&ps);
    if (*ps.p != '\0') {
        fail(&ps, "an operator, \";\", \"|\" or the end was expected", "此处应为运算符、“;”、“|”或结尾");
        return NULL;
    }
    g_autoptr(GPtrArray) set = g_ptr_array_new();
    collect_required(q->root, set);
    q->required = strings_of(q->a, set);
    g_ptr_array_set_size(set, 0);
    collect_all(q->root, set);
    q->attributes = strings_of(q->a, set);
    return g_steal_pointer(&q);
}

void q_free(struct q *q)
{
    if (q != NULL) {
        g_ptr_array_unref(q->patterns);
        arena_free(q->a);
        g_free(q);
    }
}

const char *const *q_required(const struct q *q)
{
    return q->required;
}

const char *const *q_attributes(const struct q *q)
{
    return q->attributes;
}

static int depth_of(const struct q_node *node)
{
    int depth = 0;
    for (const struct q_hop *h = node->kind == Q_TERM ? node->term->hops : NULL; h != NULL; h = h->next) {
        depth++;
    }
    for (const struct q_node *n = node->kind != Q_TERM ? node->first : NULL; n != NULL; n = n->next) {
        depth = MAX(depth, depth_of(n));
    }
    return depth;
}

int q_depth(const struct q *q)
{
    return depth_of(q->root);
}
