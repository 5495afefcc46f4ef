/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SM3 over the canonical text of an entity. */
#include "context/entity/digest.h"

#include <openssl/evp.h>

#include "context/context.h"

static void write_digest(GString *out, const char *name, const EVP_MD *algorithm, const GString *text)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    g_assert(EVP_Digest(text->str, text->len, bytes, &length, algorithm, NULL) == 1);
    g_string_append_printf(out, ",\"%s\":\"", name);
    for (unsigned i = 0; i < length; i++) {
        g_string_append_printf(out, "%02x", bytes[i]);
    }
    g_string_append_c(out, '"');
}

void digest_entity(GString *out, const struct json *entity)
{
    if (!context_has_type(entity, "Case") && !context_has_type(entity, "Rule")) {
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_canonical(text, entity);
    write_digest(out, "digest", EVP_sha256(), text);
    write_digest(out, "sm3", EVP_sm3(), text);
}
