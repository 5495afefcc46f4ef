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

enum class outcome { ok, nul_in_string };

struct builder {
    struct arena *arena;

    const char *text(std::string_view s)
    {
        return arena_strndup(arena, s.data(), s.size());
    }

    outcome fill(struct json *v, simdjson::dom::element e)
    {
        using simdjson::dom::element_type;
        switch (e.type()) {
        case element_type::NULL_VALUE: v->type = JSON_NULL; break;
        case element_type::BOOL:
            v->type = JSON_BOOL;
            v->boolean = e.get_bool().value_unsafe();
            break;
        case element_type::INT64:
            v->type = JSON_INT;
            v->integer = e.get_int64().value_unsafe();
            break;
        case element_type::UINT64:
            v->type = JSON_DOUBLE;
            v->number = static_cast<double>(e.get_uint64().value_unsafe());
            break;
        case element_type::DOUBLE:
            v->type = JSON_DOUBLE;
            v->number = e.get_double().value_unsafe();
            break;
        case element_type::STRING: {
            std::string_view s = e.get_string().value_unsafe();
            if (memchr(s.data(), 0, s.size()) != nullptr) {
                return outcome::nul_in_string;
            }
            v->type = JSON_STRING;
            v->string = text(s);
            v->length = static_cast<uint32_t>(s.size());
            break;
        }
        case element_type::ARRAY: return array(v, e.get_array().value_unsafe());
        case element_type::OBJECT: return object(v, e.get_object().value_unsafe());
        }
        return outcome::ok;
    }

    struct json *child()
    {
        return static_cast<struct json *>(arena_zalloc(arena, sizeof(struct json)));
    }

    outcome array(struct json *v, simdjson::dom::array elements)
    {
        v->type = JSON_ARRAY;
        for (simdjson::dom::element e : elements) {
            struct json *c = json_append(v, child());
            if (fill(c, e) != outcome::ok) {
                return outcome::nul_in_string;
            }
        }
        return outcome::ok;
    }

    outcome object(struct json *v, simdjson::dom::object members)
    {
        v->type = JSON_OBJECT;
        for (simdjson::dom::key_value_pair m : members) {
            if (memchr(m.key.data(), 0, m.key.size()) != nullptr) {
                return outcome::nul_in_string;
            }
            struct json *c = nullptr;
            if (v->length > 0) {
                c = json_getn(v, m.key.data(), m.key.size());
            }
            if (c != nullptr) { // the last of equal names stands
                struct json *next = c->next;
                const char *key = c->key;
                memset(c, 0, sizeof *c);
                c->key = key;
                c->next = next;
            } else {
                c = json_append(v, child());
                c->key = text(m.key);
            }
            c->key_length = static_cast<uint32_t>(m.key.size());
            if (fill(c, m.value) != outcome::ok) {
                return outcome::nul_in_string;
            }
        }
        return outcome::ok;
    }
};

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
    builder b{a};
    struct json *v = b.child();
    if (b.fill(v, root) != outcome::ok) {
        error_set(e, ERROR_INVALID_REQUEST, "The JSON holds the character U+0000, which is not accepted",
                  "JSON 中含有不被接受的字符 U+0000");
        return nullptr;
    }
    return v;
}
