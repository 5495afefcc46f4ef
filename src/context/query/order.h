/* SPDX-License-Identifier: Apache-2.0 */
/* Entity ordering (4.23): the first entities of a query by their attributes' values, without keeping all of
 * them. */
#pragma once

#include "context/context.h"
#include "context/terms/ld_context.h"

/* What a client asks for (6.4.3.2, 5.2.43); NULL = not given. */
struct order_text {
    const char *by;          /* "name,age;desc,location;dist-asc" */
    const char *collation;   /* "zh-u-co-pinyin"; NULL = ICU root */
    const char *geometry;    /* kind of the reference geometry; NULL = "Point" */
    const struct json *from; /* its coordinates */
};
/* A compiled ordering and the best entities so far. */
struct order;
/* NULL with ERROR_BAD_REQUEST_DATA (or TOO_COMPLEX) otherwise. Names and geometry live in a. */
struct order *order_compile(struct arena *a, const struct ld_context *ctx, const struct order_text *text,
                            struct error *e);
void order_free(struct order *o); /* NULL is fine */
typedef struct order order_autoptr_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(order_autoptr_target, order_free)
#define order_auto g_autoptr(order_autoptr_target)
/* The language in which LanguageProperties are compared (4.15); lang must outlive o. */
void order_language(struct order *o, const char *lang);

/* How many of the first are wanted (offset + limit): at most LIMIT_ORDERED, else ERROR_TOO_MANY_RESULTS.
 * Before any entity. */
bool order_want(struct order *o, int64_t first, struct error *e);
/* Takes one entity of the result: kept when it is among the first. Equal ones stay in the order in which they
 * came. False with ERROR_TOO_COMPLEX beyond LIMIT_ORDER_BYTES. */
bool order_take(struct order *o, const struct json *entity, struct error *e);
/* The ids of those kept, in order; ends the taking. Lives as long as o. */
const char *const *order_ids(struct order *o, int64_t *count);
