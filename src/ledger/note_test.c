/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of notes against the example of the specification, and of both kinds of signature. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ledger/note.h"
#include "ledger/signer.h"

static const char example_key[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char example_note[] =
    "This is an example message.\n\n\xe2\x80\x94 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

static void the_example_of_the_specification(void)
{
    arena_auto a = arena_new();
    struct note_key key;
    struct note note;
    struct error e = {0};
    bool present;
    g_assert_true(note_key_parse(&key, example_key, &e));
    g_assert_cmpstr(key.name, ==, "example.com/foo");
    g_autofree char *again = note_key_text(&key);
    g_assert_cmpstr(again, ==, example_key);
    g_assert_true(note_parse(a, example_note, strlen(example_note), &note, &e));
    g_assert_cmpint(note.count, ==, 1);
    g_assert_true(note_verify(&note, &key, &present));
    g_autofree char *changed = g_strdup(example_note);
    changed[0] = 't';
    g_assert_true(note_parse(a, changed, strlen(changed), &note, &e));
    g_assert_false(note_verify(&note, &key, &present));
    g_assert_true(present);
    note_key_clear(&key);
}

static void both_signatures_round_trip(void)
{
    arena_auto a = arena_new();
    g_autofree char *dir = g_dir_make_tmp("zhongshu-ledger-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "ledger.key", NULL);
    struct signer made, read;
    struct error e = {0};
    struct stat st;
    bool is_new;
    g_assert_true(signer_open(&made, path, "hub.example/渝中", &is_new, &e) && is_new);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 0777, ==, 0600);
    g_assert_true(signer_open(&read, path, "hub.example/渝中", &is_new, &e) && !is_new);
    g_autoptr(GString) text =
        g_string_new("hub.example/渝中\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    note_sign(text, made.keys, NOTE_ALGORITHMS);
    struct note note;
    struct checkpoint c;
    g_assert_true(note_parse(a, text->str, text->len, &note, &e));
    g_assert_true(checkpoint_parse(a, &note, &c, &e) && c.size == 0);
    g_autofree char *keys = signer_key_texts(&read);
    g_auto(GStrv) lines = g_strsplit(keys, "\n", -1);
    for (int i = 0; i < NOTE_ALGORITHMS; i++) {
        struct note_key key;
        g_assert_true(note_key_parse(&key, lines[i], &e));
        g_assert_true(note_verify(&note, &key, NULL));
        note.signatures[i].length--;
        g_assert_false(note_verify(&note, &key, NULL));
        note_key_clear(&key);
    }
    signer_clear(&made);
    signer_clear(&read);
    g_assert_true(g_file_set_contents(path, "nothing", -1, NULL));
    g_assert_false(signer_open(&read, path, "x", &is_new, &e));
    g_assert_nonnull(strstr(e.en, path));
    g_remove(path);
    g_rmdir(dir);
}

static void broken_notes_are_refused(void)
{
    static const char *const broken[] = {
        "",
        "\n",
        "text\n\n",
        "text\n\nx y\n",
        "text\n\n\xe2\x80\x94 name\n",
        "text\n\n\xe2\x80\x94 name AAA=\n",
        "text\n\n\xe2\x80\x94 na+me AAAAAAAA\n",
        "te\1xt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        "text\n\n\xe2\x80\x94 name AAAAAAAA",
        "text\n\n\xe2\x80\x94 name AAAA AAAA\n",
    };
    arena_auto a = arena_new();
    struct note note;
    struct error e = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_assert_false(note_parse(a, broken[i], strlen(broken[i]), &note, &e));
    }
    static const char *const keys[] = {
        "", "a+b", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "x+00000000+AQ=="};
    struct note_key key;
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_assert_false(note_key_parse(&key, keys[i], &e));
    }
}

static void broken_checkpoints_are_refused(void)
{
    static const char *const broken[] = {"a\n1\n",
                                         "a\n01\nAAAA\n",
                                         "a\n-1\nAAAA\n",
                                         "a\n1\nAAAA\n",
                                         "\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
                                         "a\n1x\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"};
    arena_auto a = arena_new();
    struct error e = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        struct note note = {.text = broken[i], .length = strlen(broken[i])};
        struct checkpoint c;
        g_assert_false(checkpoint_parse(a, &note, &c, &e));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ledger/the_example_of_the_specification", the_example_of_the_specification);
    g_test_add_func("/ledger/both_signatures_round_trip", both_signatures_round_trip);
    g_test_add_func("/ledger/broken_notes_are_refused", broken_notes_are_refused);
    g_test_add_func("/ledger/broken_checkpoints_are_refused", broken_checkpoints_are_refused);
    return g_test_run();
}
