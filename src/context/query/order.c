/* SPDX-License-Identifier: Apache-2.0 */
/* Reading orderBy and collation, and the heap that keeps the first entities of a walk. */
#include "context/query/order.h"

#include <string.h>

#include <unicode/ucol.h>
#include <unicode/uloc.h>

#include "base/limits.h"
#include "context/entity/ingest.h"
#include "context/query/order_key.h"

enum { MAX_TAG = 100, MAX_STEPS = 20 };

/* A kept entity: one piece of memory with its key and its id. */
struct kept {
    uint64_t arrival;
    guint key_length;
    guint id_at;
    guint8 bytes[];
};

struct order {
    struct order_term *terms;
    int terms_count;
    struct order_scale scale;
    GPtrArray *heap; /* of struct kept: the last of them on top while taking */
    int64_t first;
    uint64_t arrivals;
    gsize bytes;
    GByteArray *key;
    const char **ids;
};

void order_free(struct order *o)
{
    if (o == NULL) {
        return;
    }
    g_clear_pointer(&o->scale.collator, ucol_close);
    g_ptr_array_unref(o->heap);
    g_byte_array_unref(o->key);
    g_free(o->ids);
    g_free(o);
}

void order_language(struct order *o, const char *lang)
{
    o->scale.lang = lang;
}

/* ---- collation: a language tag with extension u (RFC 6067) ---- */

static bool known_language(const char *locale)
{
    char language[ULOC_LANG_CAPACITY];
    UErrorCode status = U_ZERO_ERROR;
    uloc_getLanguage(locale, language, sizeof language, &status);
    return U_SUCCESS(status) && (*language == '\0' || strcmp(language, "und") == 0 ||
                                 strcmp(language, "root") == 0 || *uloc_getISO3Language(locale) != '\0');
}

/* Is the collation that the tag names ("pinyin") one of ICU's, or does it name none? */
static bool known_collation(const char *locale)
{
    char wanted[ULOC_KEYWORDS_CAPACITY];
    UErrorCode status = U_ZERO_ERROR;
    int32_t n = uloc_getKeywordValue(locale, "collation", wanted, sizeof wanted, &status);
    if (U_FAILURE(status) || n == 0) {
        return U_SUCCESS(status);
    }
    bool found = false;
    UEnumeration *all = ucol_getKeywordValues("collation", &status);
    for (const char *name; U_SUCCESS(status) && !found && (name = uenum_next(all, NULL, &status)) != NULL;) {
        found = strcmp(name, wanted) == 0;
    }
    uenum_close(all);
    return found;
}

static UCollator *open_collator(const char *tag, struct error *e)
{
    char locale[ULOC_FULLNAME_CAPACITY] = "";
    int32_t used = 0;
    UErrorCode status = U_ZERO_ERROR;
    size_t n = strlen(tag);
    UCollator *collator = NULL;
    if (n > 0 && n <= MAX_TAG) {
        uloc_forLanguageTag(tag, locale, sizeof locale, &used, &status);
    }
    if (U_SUCCESS(status) && used == (int32_t)n && n > 0 && known_language(locale) &&
        known_collation(locale)) {
        collator = ucol_open(locale, &status);
    }
    if (collator == NULL || U_FAILURE(status)) {
        g_clear_pointer(&collator, ucol_close);
        error_set(e, ERROR_BAD_REQUEST_DATA,
                  "collation: \"%.60s\" is no ICU collation; write a language tag such as zh-u-co-pinyin",
                  "collation：“%.60s”不是 ICU 排序规则；请写语言标签，如 zh-u-co-pinyin", tag);
    }
    return collator;
}

/* ---- terms ---- */

static bool refuse_term(struct error *e, const char *term)
{
    return error_set(e, ERROR_BAD_REQUEST_DATA,
                     "orderBy: \"%.100s\" is no name with an optional ;asc, ;desc, ;dist-asc or ;dist-desc",
                     "orderBy：“%.100s”应为属性名，可带 ;asc、;desc、;dist-asc 或 ;dist-desc", term);
}

static bool read_direction(struct order_term *term, const char *text)
{
    term->by_distance = g_str_has_prefix(text, "dist-");
    text += term->by_distance ? strlen("dist-") : 0;
    term->descending = strcmp(text, "desc") == 0;
    return term->descending || strcmp(text, "asc") == 0;
}

/* "a.b.c" to names; expanded ones when ctx counts, as they stand otherwise. */
static const char *const *read_steps(struct arena *a, const struct ld_context *ctx, bool names,
                                     const char *text, struct error *e)
{
    bool whole = names && strchr(text, ':') != NULL; /* an IRI: its dots are its own */
    g_auto(GStrv) parts = g_strsplit(text, ".", whole ? 1 : MAX_STEPS + 1);
    guint n = g_strv_length(parts);
    const char **steps = arena_array(a, const char *, n + 1);
    for (guint i = 0; i < n; i++) {
        const char *copy = arena_strdup(a, parts[i]);
        steps[i] = names ? ingest_name(a, ctx, copy, e) : copy;
        if (steps[i] == NULL || *steps[i] == '\0' || n > MAX_STEPS) {
            return NULL;
        }
    }
    return n > 0 ? steps : NULL;
}

static bool read_term(struct order_term *term, struct arena *a, const struct ld_context *ctx,
                      const char *text, struct error *e)
{
    static const char *const none[] = {NULL};
    char *path = arena_strdup(a, g_strstrip(arena_strdup(a, text)));
    char *direction = strchr(path, ';');
    term->members = none;
    if (direction != NULL) {
        *direction++ = '\0';
        if (!read_direction(term, direction)) {
            return refuse_term(e, text);
        }
    }
    size_t n = strlen(path);
    char *bracket = n > 0 && path[n - 1] == ']' ? strchr(path, '[') : NULL;
    if (bracket != NULL) {
        path[n - 1] = *bracket = '\0';
        term->members = read_steps(a, NULL, false, bracket + 1, e);
    }
    term->path = *path != '\0' && term->members != NULL ? read_steps(a, ctx, true, path, e) : NULL;
    return term->path != NULL || refuse_term(e, text);
}

static bool read_terms(struct order *o, struct arena *a, const struct ld_context *ctx, const char *by,
                       struct error *e)
{
    g_auto(GStrv) parts = g_strsplit(by, ",", LIMIT_ORDER_KEYS + 1);
    o->terms_count = (int)g_strv_length(parts);
    if (o->terms_count > LIMIT_ORDER_KEYS) {
        return error_set(e, ERROR_TOO_COMPLEX, "orderBy has more than %d keys", "orderBy 的排序键超过 %d 个",
                         LIMIT_ORDER_KEYS);
    }
    o->terms = arena_array(a, struct order_term, o->terms_count);
    for (int i = 0; i < o->terms_count; i++) {
        if (!read_term(&o->terms[i], a, ctx, parts[i], e)) {
            return false;
        }
    }
    return o->terms_count > 0 || refuse_term(e, by);
}

static bool read_reference(struct order *o, struct arena *a, const struct order_text *text, struct error *e)
{
    bool needed = false;
    for (int i = 0; i < o->terms_count; i++) {
        needed = needed || o->terms[i].by_distance;
    }
    if (text->from != NULL) {
        const char *kind = text->geometry != NULL ? text->geometry : "Point";
        o->scale.from = geometry_from(a, kind, text->from, e);
        return o->scale.from != NULL;
    }
    return !needed || error_set(e, ERROR_BAD_REQUEST_DATA,
                                "Ordering by distance needs orderFrom, the coordinates to measure from",
                                "按距离排序需要 orderFrom（起点坐标）");
}

struct order *order_compile(struct arena *a, const struct ld_context *ctx, const struct order_text *text,
                            struct error *e)
{
    g_autoptr(order_autoptr_target) o = g_new0(struct order, 1);
    o->heap = g_ptr_array_new_with_free_func(g_free);
    o->key = g_byte_array_new();
    o->scale.collator = open_collator(text->collation != NULL ? text->collation : "und", e);
    if (o->scale.collator == NULL || !read_terms(o, a, ctx, text->by, e) || !read_reference(o, a, text, e)) {
        return NULL;
    }
    return g_steal_pointer(&o);
}

/* ---- the heap ---- */

static int compare(const struct kept *a, const struct kept *b)
{
    int order = memcmp(a->bytes, b->bytes, MIN(a->key_length, b->key_length));
    order = order != 0 ? order : (int)(a->key_length > b->key_length) - (int)(a->key_length < b->key_length);
    return order != 0 ? order : (int)(a->arrival > b->arrival) - (int)(a->arrival < b->arrival);
}

static struct kept *at(const struct order *o, guint i)
{
    return g_ptr_array_index(o->heap, i);
}

static void exchange(struct order *o, guint i, guint k)
{
    gpointer old = o->heap->pdata[i];
    o->heap->pdata[i] = o->heap->pdata[k];
    o->heap->pdata[k] = old;
}

static void sift_up(struct order *o)
{
    for (guint i = o->heap->len - 1; i > 0 && compare(at(o, (i - 1) / 2), at(o, i)) < 0; i = (i - 1) / 2) {
        exchange(o, i, (i - 1) / 2);
    }
}

static void sift_down(struct order *o)
{
    guint i = 0;
    for (guint child = 1; child < o->heap->len; child = 2 * i + 1) {
        if (child + 1 < o->heap->len && compare(at(o, child), at(o, child + 1)) < 0) {
            child++;
        }
        if (compare(at(o, i), at(o, child)) >= 0) {
            return;
        }
        exchange(o, i, child);
        i = child;
    }
}

bool order_want(struct order *o, int64_t first, struct error *e)
{
    o->first = first;
    return first <= LIMIT_ORDERED ||
           error_set(e, ERROR_TOO_MANY_RESULTS,
                     "An ordered query reaches its first %d results; narrow it down by q or type",
                     "排序查询只能读取前 %d 条结果；请用 q 或 type 缩小范围", LIMIT_ORDERED);
}

static struct kept *keep(const struct order *o, const char *id, uint64_t arrival)
{
    size_t n = strlen(id) + 1;
    struct kept *k = g_malloc(sizeof *k + o->key->len + n);
    k->arrival = arrival;
    k->key_length = o->key->len;
    k->id_at = o->key->len;
    memcpy(k->bytes, o->key->data, o->key->len);
    memcpy(k->bytes + k->id_at, id, n);
    return k;
}

static gsize size_of(const struct kept *k)
{
    return sizeof *k + k->key_length + strlen((const char *)k->bytes + k->id_at) + 1;
}

bool order_take(struct order *o, const struct json *entity, struct error *e)
{
    const char *id = json_get_string(entity, "id");
    if (o->first == 0 || id == NULL) {
        return true;
    }
    g_byte_array_set_size(o->key, 0);
    for (int i = 0; i < o->terms_count; i++) {
        order_key(o->key, &o->terms[i], &o->scale, entity);
    }
    struct kept *k = keep(o, id, o->arrivals++);
    if (o->heap->len == o->first) {
        if (compare(k, at(o, 0)) >= 0) {
            g_free(k);
            return true;
        }
        o->bytes -= size_of(at(o, 0));
        g_free(o->heap->pdata[0]);
        o->heap->pdata[0] = k;
        sift_down(o);
    } else {
        g_ptr_array_add(o->heap, k);
        sift_up(o);
    }
    o->bytes += size_of(k);
    return o->bytes <= LIMIT_ORDER_BYTES ||
           error_set(e, ERROR_TOO_COMPLEX,
                     "Ordering these results needs more than %d MiB; narrow the query down or take a smaller "
                     "offset",
                     "对这些结果排序需要超过 %d MiB 内存；请缩小查询范围或减小 offset",
                     LIMIT_ORDER_BYTES >> 20);
}

static gint by_place(gconstpointer a, gconstpointer b)
{
    return compare(*(struct kept *const *)a, *(struct kept *const *)b);
}

const char *const *order_ids(struct order *o, int64_t *count)
{
    g_ptr_array_sort(o->heap, by_place);
    o->ids = g_new0(const char *, o->heap->len + 1);
    for (guint i = 0; i < o->heap->len; i++) {
        o->ids[i] = (const char *)at(o, i)->bytes + at(o, i)->id_at;
    }
    *count = o->heap->len;
    return o->ids;
}
