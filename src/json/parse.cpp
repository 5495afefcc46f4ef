// SPDX-License-Identifier: Apache-2.0
// The one C++ file: simdjson's DOM, copied into our tree.
#include <simdjson.h>

#include <cstring>
#include <memory>

extern "C" {
#include "base/limits.h"
#include "json/json.h"
}

namespace
{

// Walks simdjson's tape (its doc/tape.md: a word a value, its type in the top byte) and makes a node of each
// value. The strings are copied all at once: simdjson keeps each behind its length and terminated.
class builder
{
  public:
    builder(struct arena *a, const simdjson::dom::document &doc, size_t length)
        : arena(a), tape(doc.tape.get()), at(1), nodes(nullptr), nodes_left(0)
    {
        // What the document's own buffer is made for: five bytes for three of the text.
        size_t size = (5 * length / 3 + simdjson::SIMDJSON_PADDING) & ~static_cast<size_t>(63);
        char *copy = static_cast<char *>(arena_alloc(a, size));
        memcpy(copy, doc.string_buf.get(), size);
        strings = copy;
    }

    struct json *value()
    {
        struct json *v = node();
        fill(v);
        return v;
    }

  private:
    struct arena *arena;
    const uint64_t *tape;
    size_t at; // the next word
    const char *strings;
    struct json *nodes;
    size_t nodes_left;

    static constexpr size_t NODES = 16;

    struct json *node()
    {
        if (nodes_left == 0) {
            nodes = static_cast<struct json *>(arena_alloc(arena, NODES * sizeof(struct json)));
            nodes_left = NODES;
        }
        nodes_left--;
        struct json *v = nodes++;
        memset(v, 0, sizeof *v);
        return v;
    }

    const char *text(uint64_t word, uint32_t *length) const
    {
        const char *from = strings + (word & 0x00ffffffffffffffULL);
        memcpy(length, from, sizeof *length);
        return from + sizeof *length;
    }

    void fill(struct json *v)
    {
        uint64_t word = tape[at++];
        switch (static_cast<char>(word >> 56)) {
        case 'n': v->type = JSON_NULL; break;
        case 't':
        case 'f':
            v->type = JSON_BOOL;
            v->boolean = static_cast<char>(word >> 56) == 't';
            break;
        case 'l':
            v->type = JSON_INT;
            v->integer = static_cast<int64_t>(tape[at++]);
            break;
        case 'u':
            v->type = JSON_DOUBLE;
            v->number = static_cast<double>(tape[at++]);
            break;
        case 'd':
            v->type = JSON_DOUBLE;
            memcpy(&v->number, &tape[at++], sizeof v->number);
            break;
        case '"':
            v->type = JSON_STRING;
            v->string = text(word, &v->length);
            break;
        case '[': array(v); break;
        default: object(v);
        }
    }

    void array(struct json *v)
    {
        v->type = JSON_ARRAY;
        while (static_cast<char>(tape[at] >> 56) != ']') {
            struct json *c = node();
            fill(c);
            json_append(v, c);
        }
        at++;
    }

    void object(struct json *v)
    {
        uint64_t seen = 0; // one bit for each kind of name: most names need no look at the ones before
        v->type = JSON_OBJECT;
        while (static_cast<char>(tape[at] >> 56) != '}') {
            uint32_t length;
            const char *key = text(tape[at++], &length);
            uint64_t bit = uint64_t{1} << ((length * 7 + static_cast<unsigned char>(key[0]) +
                                            static_cast<unsigned char>(key[length / 2]) * 3) &
                                           63);
            struct json *c = (seen & bit) != 0 ? json_getn(v, key, length) : nullptr;
            seen |= bit;
            if (c != nullptr) { // the last of equal names stands
                struct json *next = c->next;
                memset(c, 0, sizeof *c);
                c->next = next;
            } else {
                c = json_append(v, node());
            }
            c->key = key;
            c->key_length = length;
            fill(c);
        }
        at++;
    }
};

// NUL can only come from an escape: \\u0000 whose backslash is not itself escaped.
bool holds_nul(const char *text, size_t length)
{
    const char *end = text + length;
    if (memchr(text, '\\', length) == nullptr) {
        return false;
    }
    for (const char *p = text; (p = static_cast<const char *>(memmem(p, end - p, "\\u0000", 6))) != nullptr;
         p++) {
        const char *before = p;
        while (before > text && before[-1] == '\\') {
            before--;
        }
        if ((p - before) % 2 == 0) {
            return true;
        }
    }
    return false;
}

// Each thread keeps its parser, whose buffers grow to the largest document seen and are given back when that
// was large.
struct thread_parser {
    std::unique_ptr<simdjson::dom::parser> parser;

    simdjson::dom::parser &get(size_t length)
    {
        if (parser == nullptr || (length < (1 << 20) && parser->capacity() > (4u << 20))) {
            parser = std::make_unique<simdjson::dom::parser>();
            if (parser->allocate(1 << 12, LIMIT_JSON_DEPTH) != simdjson::SUCCESS) {
                g_error("out of memory for a JSON parser");
            }
        }
        return *parser;
    }
};

thread_local thread_parser parsers;

void explain(struct error *e, simdjson::error_code code)
{
    switch (code) {
    case simdjson::DEPTH_ERROR:
        error_set(e, ERROR_INVALID_REQUEST, "The JSON is nested deeper than %d levels", "JSON 嵌套超过 %d 层",
                  LIMIT_JSON_DEPTH);
        break;
    case simdjson::UTF8_ERROR:
        error_set(e, ERROR_INVALID_REQUEST, "The JSON is not valid UTF-8; send it as UTF-8",
                  "JSON 不是有效的 UTF-8 编码；请以 UTF-8 发送");
        break;
    case simdjson::EMPTY:
        error_set(e, ERROR_INVALID_REQUEST, "There is no JSON in the request", "请求中没有 JSON 内容");
        break;
    case simdjson::NUMBER_ERROR:
        error_set(e, ERROR_INVALID_REQUEST, "The JSON holds a number that is not valid or too large",
                  "JSON 中有格式不正确或过大的数字");
        break;
    default:
        error_set(e, ERROR_INVALID_REQUEST, "The JSON is broken: %s", "JSON 格式有误：%s",
                  simdjson::error_message(code));
    }
}

} // namespace

extern "C" struct json *json_parse(struct arena *a, const char *text, size_t length, struct error *e)
{
    simdjson::dom::parser &parser = parsers.get(length);
    // A byte order mark is allowed by RFC 8259, section 8.1, for those who read.
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        length -= 3;
    }
    simdjson::dom::element root;
    auto code = parser.parse(text, length).get(root);
    if (code != simdjson::SUCCESS) {
        explain(e, code);
        return nullptr;
    }
    if (holds_nul(text, length)) {
        error_set(e, ERROR_INVALID_REQUEST, "The JSON holds the character U+0000, which is not accepted",
                  "JSON 中含有不被接受的字符 U+0000");
        return nullptr;
    }
    return builder(a, parser.doc, length).value();
}
