/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers behind /ngsi-ld/v1; context_routes (routes.c) says which is which. */
#pragma once

#include "http/http.h"

/* entity_api.c */
void serve_create_entity(struct request *r);
void serve_query_entities(struct request *r);
void serve_purge_entities(struct request *r); /* purge.c */
void serve_retrieve_entity(struct request *r);
void serve_merge_entity(struct request *r);
void serve_replace_entity(struct request *r);
void serve_delete_entity(struct request *r);
void serve_append_attributes(struct request *r);
void serve_update_attributes(struct request *r);
void serve_patch_attribute(struct request *r);
void serve_replace_attribute(struct request *r);
void serve_delete_attribute(struct request *r);

/* batch_api.c */
void serve_batch_create(struct request *r);
void serve_batch_upsert(struct request *r);
void serve_batch_update(struct request *r);
void serve_batch_merge(struct request *r);
void serve_batch_delete(struct request *r);
void serve_batch_query(struct request *r);

/* entity_map_api.c */
void serve_make_entity_map(struct request *r);
void serve_make_entity_map_by_body(struct request *r);
void serve_entity_map(struct request *r);
void serve_update_entity_map(struct request *r);
void serve_delete_entity_map(struct request *r);

/* types_api.c */
void serve_types(struct request *r);
void serve_type(struct request *r);
void serve_attributes(struct request *r);
void serve_attribute(struct request *r);

/* context_api.c */
void serve_add_context(struct request *r);
void serve_list_contexts(struct request *r);
void serve_context_body(struct request *r);
void serve_delete_context(struct request *r);
