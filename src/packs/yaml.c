/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events as a tree, with every fault reported. */
#include "packs/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/limits.h"
#include "packs/mistake.h"
#include "packs/scalar.h"

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct node_origin *origin;
    const char *file;
    GPtrArray *mistakes;
    GHashTable *anchors; /* name → the node, whole */
    int nodes;
};

#define MISTAKE(r, line, ...) mistakes_add((r)->mistakes, (r)->file, (uint32_t)(line), __VA_ARGS__)

/* ---- before parsing: bytes ---- */

static uint32_t line_at(const char *text, size_t offset)
{
    uint32_t line = 1;
    for (const char *p = text, *end = text + offset; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++) {
        line++;
    }
    return line;
}

static bool utf8_is_right(struct reader *r, const char *text, size_t length)
{
    const char *end = text;
    const char *nul = memchr(text, '\0', length);
    if (nul == NULL && g_utf8_validate_len(text, length, &end)) {
        return true;
    }
    MISTAKE(r, line_at(text, (size_t)((nul != NULL ? nul : end) - text)),
            "there are bytes here that are not UTF-8; save the file as UTF-8",
            "此处有不是 UTF-8 的字节，请将文件另存为 UTF-8");
    return false;
}

static void find_tabs(struct reader *r, const char *text, size_t length)
{
    const char *end = text + length;
    uint32_t number = 1;
    for (const char *line = text; line < end; number++) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        next = next != NULL ? next + 1 : end;
        const char *p = line;
        while (p < next && *p == ' ') {
            p++;
        }
        if (p < next && *p == '\t') {
            MISTAKE(r, number, "the line is indented with a tab; use spaces", "该行用制表符缩进，请改用空格");
        }
        line = next;
    }
}

/* ---- nodes ---- */

static struct json *make_node(struct reader *r, enum json_type type, size_t line)
{
    if (++r->nodes > LIMIT_PACK_NODES) {
        if (r->nodes == LIMIT_PACK_NODES + 1) {
            MISTAKE(r, line, "the file has more than %d values, aliases expanded; split it",
                    "文件中的值（展开别名后）超过 %d 个，请拆分", LIMIT_PACK_NODES);
        }
        return NULL;
    }
    struct json *node = node_origin_make(r->origin, r->file);
    node->type = type;
    node->line = (uint32_t)line;
    return node;
}

static void add_child(struct json *parent, struct json *child)
{
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->length++;
}

static bool too_deep(struct reader *r, int depth, size_t line)
{
    if (depth <= LIMIT_JSON_DEPTH) {
        return false;
    }
    MISTAKE(r, line, "nested deeper than %d levels", "嵌套超过 %d 层", LIMIT_JSON_DEPTH);
    return true;
}

/* An alias becomes a copy of its anchor's value: a node stands in one list only. */
static struct json *copy_node(struct reader *r, const struct json *from, int depth)
{
    struct json *to = too_deep(r, depth, from->line) ? NULL : make_node(r, from->type, from->line);
    if (to == NULL) {
        return NULL;
    }
    if (from->type != JSON_ARRAY && from->type != JSON_OBJECT) {
        *to = *from;
        to->next = NULL;
        to->key = NULL;
        return to;
    }
    for (const struct json *c = from->first; c != NULL; c = c->next) {
        struct json *child = copy_node(r, c, depth + 1);
        if (child == NULL) {
            return NULL;
        }
        child->key = c->key;
        child->key_length = c->key_length;
        add_child(to, child);
    }
    return to;
}

/* ---- events ---- */

static const struct {
    const char *problem, *zh;
} problems[] = {
    {"did not find expected key", "此处应为一个键；请检查上一行的缩进与引号"},
    {"did not find expected '-' indicator", "此处应为以“-”开头的列表项；请检查缩进"},
    {"did not find expected ',' or ']'", "方括号列表中缺少“,”或“]”"},
    {"did not find expected ',' or '}'", "花括号映射中缺少“,”或“}”"},
    {"did not find expected node content", "此处应有一个值"},
    {"did not find expected <document start>", "此处应为文档开头；请检查缩进"},
    {"could not find expected ':'", "缺少冒号“:”"},
    {"mapping values are not allowed in this context", "此处不能出现“键: 值”；含冒号的文字请加引号"},
    {"block sequence entries are not allowed in this context", "此处不能出现列表项“-”"},
    {"block mapping", "映射的缩进不一致"},
    {"found character that cannot start any token",
     "此处的字符不能作为值的开头；以 @ ` % 或制表符开头的文字请加引号"},
    {"found unexpected end of stream", "文件意外结束；请检查未闭合的引号或括号"},
    {"found unknown escape character", "双引号内有不认识的转义字符"},
    {"found a tab character", "此处有制表符，请改用空格"},
    {"control characters are not allowed", "不允许出现控制字符"},
    {"found duplicate anchor", "锚点重复"},
};

static const char *problem_in_chinese(const char *problem)
{
    for (size_t i = 0; i < G_N_ELEMENTS(problems); i++) {
        if (strstr(problem, problems[i].problem) != NULL) {
            return problems[i].zh;
        }
    }
    return problem;
}

static void report_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem != NULL ? p->problem : "the YAML cannot be read";
    size_t line = p->error == YAML_READER_ERROR ? p->mark.line : p->problem_mark.line;
    MISTAKE(r, line + 1, "YAML syntax: %s%s%s%.0s", "YAML 语法：%.0s%.0s%.0s%s", problem,
            p->context != NULL ? ", " : "", p->context != NULL ? p->context : "",
            problem_in_chinese(problem));
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event)) {
        return true;
    }
    report_syntax(r);
    return false;
}

static bool tag_is_known(struct reader *r, const yaml_char_t *tag, size_t line)
{
    static const char *const known[] = {
        YAML_NULL_TAG, YAML_BOOL_TAG, YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG,
        YAML_SEQ_TAG,  YAML_MAP_TAG,  "!",          NULL};
    if (tag == NULL || g_strv_contains(known, (const char *)tag)) {
        return true;
    }
    MISTAKE(r, line, "the tag \"%s\" is not understood; leave it out", "不认识标签“%s”，请去掉",
            (const char *)tag);
    return false;
}

static void keep_anchor(struct reader *r, const yaml_char_t *anchor, struct json *node)
{
    if (anchor != NULL && node != NULL) {
        g_hash_table_insert(r->anchors, arena_strdup(r->arena, (const char *)anchor), node);
    }
}

static struct json *read_scalar(struct reader *r, const yaml_event_t *event)
{
    size_t line = event->start_mark.line + 1, length = event->data.scalar.length;
    const char *value = (const char *)event->data.scalar.value;
    struct json *node = make_node(r, JSON_STRING, line);
    if (node == NULL) {
        return NULL;
    }
    tag_is_known(r, event->data.scalar.tag, line);
    if (memchr(value, '\0', length) != NULL) {
        MISTAKE(r, line, "the text holds a NUL character", "文字中含有 NUL 字符");
        length = strlen(value);
    }
    const char *text = arena_strndup(r->arena, value, length);
    bool is_text = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
                   g_strcmp0((const char *)event->data.scalar.tag, YAML_STR_TAG) == 0;
    if (is_text) {
        node->string = text;
        node->length = (uint32_t)length;
    } else if (!scalar_resolve(node, text, length)) {
        MISTAKE(r, line, "\"%s\" is no number that can be used; quote it if it is a text",
                "“%s”不是可用的数字；若是文字请加引号", text);
    }
    return node;
}

static struct json *read_node(struct reader *r, yaml_event_t *event, int depth);

static struct json *read_sequence(struct reader *r, const yaml_event_t *start, int depth)
{
    size_t line = start->start_mark.line + 1;
    tag_is_known(r, start->data.sequence_start.tag, line);
    struct json *list = too_deep(r, depth, line) ? NULL : make_node(r, JSON_ARRAY, line);
    yaml_event_t event;
    while (list != NULL && next_event(r, &event)) {
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return list;
        }
        struct json *item = read_node(r, &event, depth + 1);
        if (item == NULL) {
            return NULL;
        }
        add_child(list, item);
    }
    return NULL;
}

/* A mapping while it is being read. */
struct mapping {
    struct json *object;
    GHashTable *lines; /* key → node */
    GPtrArray *merged; /* mappings given by << */
};

/* Moves the members of a merged mapping that the object does not have itself. */
static void take_members(struct mapping *m, struct json *from)
{
    for (struct json *c = from->first, *next; c != NULL; c = next) {
        next = c->next;
        c->next = NULL;
        if (!g_hash_table_contains(m->lines, c->key)) {
            g_hash_table_insert(m->lines, (void *)c->key, c);
            add_child(m->object, c);
        }
    }
}

static void add_merge(struct reader *r, struct mapping *m, struct json *value)
{
    bool list = value->type == JSON_ARRAY;
    for (struct json *c = list ? value->first : value; c != NULL; c = list ? c->next : NULL) {
        if (c->type == JSON_OBJECT) {
            g_ptr_array_add(m->merged, c);
        } else {
            MISTAKE(r, c->line, "\"<<\" takes a mapping or a list of mappings", "“<<”只能引用映射或映射列表");
        }
    }
}

static void add_member(struct reader *r, struct mapping *m, const struct json *key, struct json *value)
{
    const struct json *before = g_hash_table_lookup(m->lines, key->string);
    if (before != NULL) {
        MISTAKE(r, key->line, "\"%s\" is already given in line %u", "“%s”已在第 %u 行给出", key->string,
                before->line);
        return;
    }
    value->key = key->string;
    value->key_length = key->length;
    g_hash_table_insert(m->lines, (void *)value->key, value);
    add_child(m->object, value);
}

/* The key's text as written: 2012 and true are names here like any other. */
static struct json *read_key(struct reader *r, yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT) {
        MISTAKE(r, event->start_mark.line + 1, "a key must be a text", "键应为文字");
        yaml_event_delete(event);
        return NULL;
    }
    struct json *key = make_node(r, JSON_STRING, event->start_mark.line + 1);
    if (key != NULL) {
        key->string = arena_strdup(r->arena, (const char *)event->data.scalar.value);
        key->length = (uint32_t)strlen(key->string);
    }
    yaml_event_delete(event);
    return key;
}

static bool read_member(struct reader *r, struct mapping *m, yaml_event_t *event, int depth)
{
    bool plain = event->type == YAML_SCALAR_EVENT && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct json *key = read_key(r, event);
    yaml_event_t next;
    if (key == NULL || !next_event(r, &next)) {
        return false;
    }
    struct json *value = read_node(r, &next, depth + 1);
    if (value == NULL) {
        return false;
    }
    if (plain && strcmp(key->string, "<<") == 0) {
        add_merge(r, m, value);
    } else {
        add_member(r, m, key, value);
    }
    return true;
}

static bool read_members(struct reader *r, struct mapping *m, int depth)
{
    yaml_event_t event;
    while (next_event(r, &event)) {
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        if (!read_member(r, m, &event, depth)) {
            return false;
        }
    }
    return false;
}

static struct json *read_mapping(struct reader *r, const yaml_event_t *start, int depth)
{
    size_t line = start->start_mark.line + 1;
    tag_is_known(r, start->data.mapping_start.tag, line);
    struct json *object = too_deep(r, depth, line) ? NULL : make_node(r, JSON_OBJECT, line);
    if (object == NULL) {
        return NULL;
    }
    g_autoptr(GHashTable) lines = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) merged = g_ptr_array_new();
    struct mapping m = {object, lines, merged};
    if (!read_members(r, &m, depth)) {
        return NULL;
    }
    for (guint i = 0; i < merged->len; i++) {
        take_members(&m, merged->pdata[i]);
    }
    return object;
}

static struct json *read_alias(struct reader *r, const yaml_event_t *event, int depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct json *node = g_hash_table_lookup(r->anchors, name);
    if (node == NULL) {
        MISTAKE(r, event->start_mark.line + 1, "the alias *%s names no anchor above it",
                "别名 *%s 之前没有同名的锚点", name);
        return make_node(r, JSON_NULL, event->start_mark.line + 1);
    }
    return copy_node(r, node, depth);
}

/* Takes the event. NULL when reading cannot go on; the mistake has been added. */
static struct json *read_node(struct reader *r, yaml_event_t *event, int depth)
{
    struct json *node = NULL;
    const yaml_char_t *anchor = NULL;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node = read_scalar(r, event);
        anchor = event->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        node = read_sequence(r, event, depth);
        anchor = event->data.sequence_start.anchor;
        break;
    case YAML_MAPPING_START_EVENT:
        node = read_mapping(r, event, depth);
        anchor = event->data.mapping_start.anchor;
        break;
    case YAML_ALIAS_EVENT: node = read_alias(r, event, depth); break;
    default: MISTAKE(r, event->start_mark.line + 1, "a value is missing", "缺少一个值");
    }
    keep_anchor(r, anchor, node);
    yaml_event_delete(event);
    return node;
}

/* The stream: start, document start, root, document end, end. */
static struct json *read_stream(struct reader *r)
{
    struct json *root = NULL;
    int documents = 0;
    yaml_event_t event;
    while (next_event(r, &event)) {
        yaml_event_type_t type = event.type;
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT ||
            type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            if (type == YAML_STREAM_END_EVENT) {
                break;
            }
            continue;
        }
        if (type == YAML_DOCUMENT_START_EVENT) {
            size_t line = event.start_mark.line + 1;
            yaml_event_delete(&event);
            if (documents++ > 0) {
                MISTAKE(r, line, "a second document begins here; one file holds one",
                        "此处开始了第二个文档；一个文件只能有一个");
                break;
            }
            continue;
        }
        root = read_node(r, &event, 1);
        if (root == NULL) {
            break;
        }
    }
    return root;
}

static struct json *check_root(struct reader *r, struct json *root)
{
    if (root == NULL || root->type == JSON_NULL) {
        return NULL;
    }
    if (root->type != JSON_OBJECT) {
        MISTAKE(r, root->line, "the file must be a mapping of sections, \"types: …\"",
                "文件应为由各节组成的映射，例如“types: …”");
        return NULL;
    }
    return root;
}

struct json *yaml_read(struct arena *a, struct node_origin *o, const char *file, const char *text,
                       size_t length, GPtrArray *mistakes)
{
    struct reader r = {.arena = a, .origin = o, .file = file, .mistakes = mistakes};
    if (length > LIMIT_PACK_FILE) {
        MISTAKE(&r, 0, "the file has more than %d bytes; split it", "文件超过 %d 字节，请拆分",
                LIMIT_PACK_FILE);
        return NULL;
    }
    if (!utf8_is_right(&r, text, length)) {
        return NULL;
    }
    find_tabs(&r, text, length);
    if (!yaml_parser_initialize(&r.parser)) {
        g_error("out of memory for a YAML parser");
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    r.anchors = g_hash_table_new(g_str_hash, g_str_equal);
    struct json *root = check_root(&r, read_stream(&r));
    g_hash_table_unref(r.anchors);
    yaml_parser_delete(&r.parser);
    return root;
}
