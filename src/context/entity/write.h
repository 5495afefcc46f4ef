/* SPDX-License-Identifier: Apache-2.0 */
/* Writing entities inside a store transaction: what context_write does, with all that the API needs. */
#pragma once

#include "context/context.h"
#include "expr/expr.h"

/* Flags beside those of enum context_flags. */
enum {
    WRITE_PARTIAL = 0x100, /* with CONTEXT_MERGE: members are replaced whole, not merged into (5.6.4) */
    WRITE_INSTANCE_EXISTS =
        0x200, /* each instance given must be there already, else ERROR_NOT_FOUND (5.6.4, 5.6.19) */
    WRITE_KEEP_NO_SCOPE = 0x400, /* a scope is replaced where there is one, never added (5.6.2) */
};

struct write {
    enum context_mode mode;
    int flags;
    const char *by;
    const struct type_query *type; /* the entity must match, else ERROR_NOT_FOUND; NULL = any */
    /* With CONTEXT_MERGE (5.6.17), NULL = not given: the time of values that have one and are given without,
     * as stored text; the language of texts given for a LanguageProperty. */
    const char *observed, *lang;
};
struct write_result {
    uint64_t seq; /* of the last record; 0 when nothing changed */
    bool created; /* the entity was not there before */
    struct json
        *skipped; /* with CONTEXT_APPEND: array of the attributes that were there already; else NULL */
};
/* result lives in a; a, e and result may not be NULL. On failure nothing has changed. */
bool entity_write(struct txn *t, struct arena *a, struct json *fragment, const struct write *how,
                  struct write_result *result, struct error *e);

/* Adds to a list of instances one that holds the NGSI-LD Null: it asks for the deletion of the one with this
 * datasetId (NULL: the default one). */
void write_add_deletion(struct arena *a, struct json *list, const char *dataset);
/* Deletes one instance (dataset NULL: the default one) or, with all, every instance of an attribute (5.6.5).
 * ERROR_NOT_FOUND when there is none. */
bool attribute_delete(struct txn *t, const char *id, const char *name, const char *dataset, bool all,
                      const struct write *how, uint64_t *seq, struct error *e);
/* Puts an entity as it is, times and all, with a record that holds its attributes or, for one whose history
 * is copied apart, none. Of one that is there already what is missing is added. */
bool entity_copy(struct txn *t, const struct json *entity, bool attributes, const char *by, struct error *e);
/* Deletes every instance of the attributes named ("scope" is one here), or with others of all but those, in
 * one record. Names that the entity does not have do not matter. */
bool attributes_delete(struct txn *t, const char *id, const char *const *names, bool others,
                       const struct write *how, struct error *e);
/* context_delete with the choice of a type. */
bool entity_delete(struct txn *t, const char *id, const struct write *how, uint64_t *seq, struct error *e);
