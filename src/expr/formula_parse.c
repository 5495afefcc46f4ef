/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of formulas. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "expr/formula_tree.h"

enum { MAX_DEPTH = 50, MAX_SEGMENTS = 8, MAX_ARGUMENTS = 20 };

struct parser {
    struct arena *a;
    GArray *paths;
    const char *start;
    const char *p;
    long offset;
    const char *what_en, *what_zh;
    int nodes;
    int depth;
    struct error *e;
};

static void *fail(struct parser *ps, const char *en, const char *zh)
{
    long at = g_utf8_strlen(ps->start, ps->p - ps->start) + 1 + ps->offset;
    if (ps->e != NULL && ps->e->code == ERROR_NONE) {
        error_set(ps->e, ERROR_BAD_REQUEST_DATA, "%1$s, at character %3$ld: %4$s%2$.0s%5$.0s",
                  "%2$s第 %3$ld 个字符：%5$s%1$.0s%4$.0s", ps->what_en, ps->what_zh, at, en, zh);
    }
    return NULL;
}

static void skip_space(struct parser *ps)
{
    while (g_ascii_isspace(*ps->p)) {
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

static bool is_name_start(gunichar c)
{
    return g_unichar_isalpha(c) || c == '_';
}

static bool is_name_char(gunichar c)
{
    return g_unichar_isalnum(c) || c == '_';
}

/* Bytes of the name at p; 0 when there is none. */
static size_t name_length(const char *p)
{
    const char *end = p;
    if (!is_name_start(g_utf8_get_char(p))) {
        return 0;
    }
    while (is_name_char(g_utf8_get_char(end))) {
        end = g_utf8_next_char(end);
    }
    return (size_t)(end - p);
}

/* A whole word, not the beginning of a longer name. */
static bool take_word(struct parser *ps, const char *word)
{
    skip_space(ps);
    size_t n = name_length(ps->p);
    if (n != strlen(word) || memcmp(ps->p, word, n) != 0) {
        return false;
    }
    ps->p += n;
    return true;
}

static struct formula_node *new_node(struct parser *ps, enum formula_operator op)
{
    if (++ps->nodes > LIMIT_QUERY_NODES) {
        return fail(ps, "the formula is too long", "公式过长");
    }
    struct formula_node *n = arena_new0(ps->a, struct formula_node);
    n->op = op;
    return n;
}

static struct formula_node *with_operands(struct formula_node *n, struct formula_node *a,
                                          struct formula_node *b)
{
    if (n == NULL || a == NULL) {
        return NULL;
    }
    n->first = a;
    a->next = b;
    n->operands = b != NULL ? 2 : 1;
    return n;
}

static struct formula_node *parse_or(struct parser *ps);

/* ---- names ---- */

static bool same_path(const struct formula_path *p, const char *const *segments, int count)
{
    bool same = p->count == count;
    for (int i = 0; same && i < count; i++) {
        same = strcmp(p->segments[i], segments[i]) == 0;
    }
    return same;
}

static int path_index(struct parser *ps, const char *const *segments, int count)
{
    for (guint i = 0; i < ps->paths->len; i++) {
        if (same_path(&g_array_index(ps->paths, struct formula_path, i), segments, count)) {
            return (int)i;
        }
    }
    const char **kept = arena_array(ps->a, const char *, count + 1);
    memcpy(kept, segments, sizeof(char *) * (size_t)count);
    struct formula_path path = {.segments = kept, .count = count};
    g_array_append_val(ps->paths, path);
    return (int)ps->paths->len - 1;
}

static struct formula_node *parse_path(struct parser *ps, enum formula_operator op)
{
    const char *segments[MAX_SEGMENTS];
    int count = 0;
    do {
        size_t n = name_length(ps->p);
        if (n == 0 || count == MAX_SEGMENTS) {
            return fail(ps, n == 0 ? "a name was expected" : "the name has too many parts",
                        n == 0 ? "此处应为名称" : "名称的层级过多");
        }
        segments[count++] = arena_strndup(ps->a, ps->p, n);
        ps->p += n;
    } while (*ps->p == '.' && ps->p++);
    struct formula_node *node = new_node(ps, op);
    if (node != NULL) {
        node->path = path_index(ps, segments, count);
    }
    return node;
}

/* ---- functions ---- */

static const struct function {
    const char *name;
    enum formula_operator op;
    int least, most;
} functions[] = {
    {"min", F_MIN, 1, MAX_ARGUMENTS},
    {"max", F_MAX, 1, MAX_ARGUMENTS},
    {"abs", F_ABS, 1, 1},
    {"round", F_ROUND, 1, 2},
    {"ceil", F_CEIL, 1, 1},
    {"floor", F_FLOOR, 1, 1},
    {"sqrt", F_SQRT, 1, 1},
    {"pow", F_POW, 2, 2},
    {"if", F_IF, 3, 3},
    {"coalesce", F_COALESCE, 1, MAX_ARGUMENTS},
    {"has", F_HAS, 1, 1},
};

static const struct function *find_function(const char *name, size_t length)
{
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
        if (strlen(functions[i].name) == length && memcmp(functions[i].name, name, length) == 0) {
            return &functions[i];
        }
    }
    return NULL;
}

static bool add_argument(struct parser *ps, struct formula_node *call, struct formula_node **last)
{
    struct formula_node *argument = parse_or(ps);
    if (argument == NULL) {
        return false;
    }
    *(*last == NULL ? &call->first : &(*last)->next) = argument;
    *last = argument;
    call->operands++;
    return true;
}

static struct formula_node *parse_has(struct parser *ps)
{
    skip_space(ps);
    struct formula_node *node = parse_path(ps, F_HAS);
    return node == NULL || take(ps, ")") ? node : fail(ps, "\")\" was expected", "此处应为“)”");
}

/* After the "(" of a call. */
static struct formula_node *parse_call(struct parser *ps, const struct function *f)
{
    if (f->op == F_HAS) {
        return parse_has(ps);
    }
    struct formula_node *call = new_node(ps, f->op);
    struct formula_node *last = NULL;
    if (call == NULL) {
        return NULL;
    }
    do {
        if (!add_argument(ps, call, &last)) {
            return NULL;
        }
    } while (take(ps, ","));
    if (!take(ps, ")")) {
        return fail(ps, "\",\" or \")\" was expected", "此处应为“,”或“)”");
    }
    if (call->operands < f->least || call->operands > f->most) {
        return fail(ps, "the function was given the wrong number of values", "函数的参数个数不对");
    }
    return call;
}

/* ---- constants ---- */

static struct formula_node *constant(struct parser *ps, struct value v)
{
    struct formula_node *node = new_node(ps, F_CONSTANT);
    if (node != NULL) {
        node->constant = v;
    }
    return node;
}

static struct formula_node *parse_number(struct parser *ps)
{
    char *end;
    double n = g_ascii_strtod(ps->p, &end);
    if (!isfinite(n) || is_name_start(g_utf8_get_char(end)) || *end == '.') {
        return fail(ps, "this is no number", "这不是合法的数字");
    }
    ps->p = end;
    return constant(ps, value_number(n));
}

static struct formula_node *parse_text(struct parser *ps)
{
    const char *end = strchr(ps->p + 1, *ps->p);
    if (end == NULL) {
        return fail(ps, "the text has no closing quotation mark", "文本缺少右引号");
    }
    const char *text = arena_strndup(ps->a, ps->p + 1, (size_t)(end - ps->p - 1));
    ps->p = end + 1;
    return constant(ps, value_string(text));
}

static bool is_reserved(const char *p, size_t n)
{
    static const char *const words[] = {"and", "or", "not"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strlen(words[i]) == n && memcmp(words[i], p, n) == 0) {
            return true;
        }
    }
    return false;
}

static struct formula_node *parse_name_or_call(struct parser *ps)
{
    size_t n = name_length(ps->p);
    const char *after = ps->p + n;
    while (*after == ' ') {
        after++;
    }
    if (*after == '(') {
        const struct function *f = find_function(ps->p, n);
        if (f == NULL) {
            return fail(
                ps,
                "there is no such function; known are min max abs round ceil floor sqrt pow if coalesce has",
                "没有这个函数；可用的有 min max abs round ceil floor sqrt pow if coalesce has");
        }
        ps->p = after + 1;
        return parse_call(ps, f);
    }
    if (is_reserved(ps->p, n)) {
        return fail(ps, "a value was expected", "此处应为值");
    }
    return parse_path(ps, F_NAME);
}

static struct formula_node *parse_primary(struct parser *ps)
{
    if (take(ps, "(")) {
        struct formula_node *node = parse_or(ps);
        return node == NULL || take(ps, ")") ? node : fail(ps, "\")\" was expected", "此处应为“)”");
    }
    if (g_ascii_isdigit(*ps->p)) {
        return parse_number(ps);
    }
    if (*ps->p == '\'' || *ps->p == '"') {
        return parse_text(ps);
    }
    if (take_word(ps, "true")) {
        return constant(ps, value_bool(true));
    }
    if (take_word(ps, "false")) {
        return constant(ps, value_bool(false));
    }
    if (name_length(ps->p) > 0) {
        return parse_name_or_call(ps);
    }
    return fail(ps, "a number, a text, a name or \"(\" was expected", "此处应为数字、文本、名称或“(”");
}

/* ---- operators, from the tightest to the loosest ---- */

static struct formula_node *parse_unary(struct parser *ps)
{
    bool negate = take(ps, "-");
    if (!negate) {
        return parse_primary(ps);
    }
    if (++ps->depth > MAX_DEPTH) {
        return fail(ps, "the formula is nested too deeply", "公式嵌套过深");
    }
    struct formula_node *node = with_operands(new_node(ps, F_NEGATE), parse_unary(ps), NULL);
    ps->depth--;
    return node;
}

struct binary {
    const char *text;
    enum formula_operator op;
};

static const struct binary *take_binary(struct parser *ps, const struct binary *table)
{
    while (table->text != NULL && !take(ps, table->text)) {
        table++;
    }
    return table->text != NULL ? table : NULL;
}

static struct formula_node *parse_product(struct parser *ps)
{
    static const struct binary table[] = {{"*", F_MULTIPLY}, {"/", F_DIVIDE}, {"%", F_REMAINDER}, {NULL}};
    struct formula_node *left = parse_unary(ps);
    for (const struct binary *b; left != NULL && (b = take_binary(ps, table)) != NULL;) {
        left = with_operands(new_node(ps, b->op), left, parse_unary(ps));
        left = left != NULL && left->operands == 2 ? left : NULL;
    }
    return left;
}

static struct formula_node *parse_sum(struct parser *ps)
{
    static const struct binary table[] = {{"+", F_ADD}, {"-", F_SUBTRACT}, {NULL}};
    struct formula_node *left = parse_product(ps);
    for (const struct binary *b; left != NULL && (b = take_binary(ps, table)) != NULL;) {
        left = with_operands(new_node(ps, b->op), left, parse_product(ps));
        left = left != NULL && left->operands == 2 ? left : NULL;
    }
    return left;
}

static struct formula_node *parse_comparison(struct parser *ps)
{
    static const struct binary table[] = {{"==", F_EQUAL},
                                          {"!=", F_UNEQUAL},
                                          {"<=", F_LESS_EQUAL},
                                          {">=", F_GREATER_EQUAL},
                                          {"<", F_LESS},
                                          {">", F_GREATER},
                                          {NULL}};
    struct formula_node *left = parse_sum(ps);
    const struct binary *b = left != NULL ? take_binary(ps, table) : NULL;
    if (b == NULL) {
        return left;
    }
    struct formula_node *right = parse_sum(ps);
    if (right == NULL) {
        return NULL;
    }
    if (take_binary(ps, table) != NULL) {
        return fail(ps, "comparisons cannot be chained; join them with and", "比较不能连写；请用 and 连接");
    }
    return with_operands(new_node(ps, b->op), left, right);
}

static struct formula_node *parse_not(struct parser *ps)
{
    if (!take_word(ps, "not")) {
        return parse_comparison(ps);
    }
    if (++ps->depth > MAX_DEPTH) {
        return fail(ps, "the formula is nested too deeply", "公式嵌套过深");
    }
    struct formula_node *node = with_operands(new_node(ps, F_NOT), parse_not(ps), NULL);
    ps->depth--;
    return node;
}

static struct formula_node *parse_and(struct parser *ps)
{
    struct formula_node *left = parse_not(ps);
    while (left != NULL && take_word(ps, "and")) {
        struct formula_node *right = parse_not(ps);
        left = right != NULL ? with_operands(new_node(ps, F_AND), left, right) : NULL;
    }
    return left;
}

static struct formula_node *parse_or(struct parser *ps)
{
    if (++ps->depth > MAX_DEPTH) {
        return fail(ps, "the formula is nested too deeply", "公式嵌套过深");
    }
    struct formula_node *left = parse_and(ps);
    while (left != NULL && take_word(ps, "or")) {
        struct formula_node *right = parse_and(ps);
        left = right != NULL ? with_operands(new_node(ps, F_OR), left, right) : NULL;
    }
    ps->depth--;
    return left;
}

struct formula_node *formula_parse_into(struct arena *a, GArray *paths, const char *text, long offset,
                                        const char *what_en, const char *what_zh, struct error *e)
{
    struct error own = {0};
    struct parser ps = {.a = a,
                        .paths = paths,
                        .start = text,
                        .p = text,
                        .offset = offset,
                        .what_en = what_en,
                        .what_zh = what_zh,
                        .e = &own};
    struct formula_node *root =
        g_utf8_validate(text, -1, NULL) && strlen(text) <= LIMIT_TEXT ? parse_or(&ps) : NULL;
    skip_space(&ps);
    if (root != NULL && *ps.p != '\0') {
        root = fail(&ps, "an operator or the end was expected", "此处应为运算符或结尾");
    }
    if (root == NULL && own.code == ERROR_NONE) {
        fail(&ps, "this is too long or not UTF-8", "文本过长或不是 UTF-8");
    }
    if (root == NULL && e != NULL) {
        *e = own;
    }
    return root;
}

struct formula *formula_parse(const char *text, struct error *e)
{
    g_autoptr(formula_autoptr_target) f = g_new0(struct formula, 1);
    f->a = arena_new();
    f->paths = g_array_new(FALSE, FALSE, sizeof(struct formula_path));
    f->root = formula_parse_into(f->a, f->paths, text, 0, "formula", "公式", e);
    return f->root != NULL ? g_steal_pointer(&f) : NULL;
}

void formula_free(struct formula *f)
{
    if (f != NULL) {
        g_array_unref(f->paths);
        arena_free(f->a);
        g_free(f);
    }
}

const struct formula_path *formula_paths(const struct formula *f, int *count)
{
    *count = (int)f->paths->len;
    return (const struct formula_path *)(void *)f->paths->data;
}
