/* SPDX-License-Identifier: Apache-2.0 */
/* Key file: an Ed25519 and an SM2 key in PEM, one after the other. */
#include "ledger/signer.h"

#include <errno.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

static const char *const type_names[NOTE_ALGORITHMS] = {[NOTE_ED25519] = "ED25519", [NOTE_SM2] = "SM2"};

static bool write_file(const char *path, EVP_PKEY *const *keys, struct error *e)
{
    BIO *memory = BIO_new(BIO_s_mem());
    g_autoptr(GError) failure = NULL;
    char *text;
    for (int i = 0; i < NOTE_ALGORITHMS; i++) {
        bool ok = PEM_write_bio_PKCS8PrivateKey(memory, keys[i], NULL, NULL, 0, NULL, NULL) == 1;
        g_assert(ok);
    }
    long length = BIO_get_mem_data(memory, &text);
    bool ok = g_file_set_contents_full(
        path, text, length, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &failure);
    OPENSSL_cleanse(text, (size_t)length);
    BIO_free(memory);
    return ok || error_set(e, ERROR_STORAGE_FULL, "The key file %s cannot be written: %s",
                           "无法写入密钥文件 %s：%s", path, failure->message);
}

static bool make_keys(const char *path, EVP_PKEY **keys, struct error *e)
{
    for (int i = 0; i < NOTE_ALGORITHMS; i++) {
        keys[i] = EVP_PKEY_Q_keygen(NULL, NULL, type_names[i]);
        g_assert(keys[i] != NULL);
    }
    return write_file(path, keys, e);
}

static bool read_keys(const char *path, EVP_PKEY **keys, struct error *e)
{
    struct stat st;
    BIO *file = BIO_new_file(path, "r");
    bool ok = file != NULL;
    for (int i = 0; ok && i < NOTE_ALGORITHMS; i++) {
        keys[i] = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
        ok = keys[i] != NULL && EVP_PKEY_is_a(keys[i], type_names[i]);
    }
    BIO_free(file);
    if (ok && stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
        log_warning("ledger", "the key file %s can be read by others: chmod 600 it", path);
    }
    return ok || error_set(e, ERROR_BAD_REQUEST_DATA,
                           "The key file %s does not hold an Ed25519 and an SM2 key: put back the right one",
                           "密钥文件 %s 中没有 Ed25519 和 SM2 密钥：请恢复正确的文件", path);
}

/* So that nothing else has to be kept secret. */
static void derive_actor_key(struct signer *s)
{
    static const char label[] = "zhongshu actor\n";
    uint8_t seed[HASH_SIZE + sizeof label];
    size_t n = HASH_SIZE;
    memcpy(seed, label, sizeof label);
    bool ok = EVP_PKEY_get_raw_private_key(s->keys[NOTE_ED25519].key, seed + sizeof label, &n) == 1 &&
              EVP_Digest(seed, sizeof seed, s->actor_key, NULL, EVP_sha256(), NULL) == 1;
    g_assert(ok);
    OPENSSL_cleanse(seed, sizeof seed);
}

bool signer_open(struct signer *s, const char *path, const char *origin, bool *made, struct error *e)
{
    EVP_PKEY *keys[NOTE_ALGORITHMS] = {0};
    *made = !g_file_test(path, G_FILE_TEST_EXISTS);
    if (!(*made ? make_keys(path, keys, e) : read_keys(path, keys, e))) {
        for (int i = 0; i < NOTE_ALGORITHMS; i++) {
            EVP_PKEY_free(keys[i]);
        }
        return false;
    }
    for (int i = 0; i < NOTE_ALGORITHMS; i++) {
        note_key_init(&s->keys[i], (enum note_algorithm)i, origin, keys[i]);
    }
    derive_actor_key(s);
    return true;
}

void signer_clear(struct signer *s)
{
    for (int i = 0; i < NOTE_ALGORITHMS; i++) {
        note_key_clear(&s->keys[i]);
    }
    OPENSSL_cleanse(s->actor_key, sizeof s->actor_key);
}

char *signer_key_texts(const struct signer *s)
{
    GString *out = g_string_new(NULL);
    for (int i = 0; i < NOTE_ALGORITHMS; i++) {
        g_autofree char *text = note_key_text(&s->keys[i]);
        g_string_append_printf(out, "%s\n", text);
    }
    return g_string_free(out, FALSE);
}
