/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzzer's entry over the files of a folder, so that each corpus is an ordinary test. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        g_autoptr(GDir) dir = g_dir_open(argv[i], 0, NULL);
        if (dir == NULL) {
            fprintf(stderr, "no corpus at %s\n", argv[i]);
            return 1;
        }
        for (const char *name; (name = g_dir_read_name(dir)) != NULL; files++) {
            g_autofree char *path = g_build_filename(argv[i], name, NULL);
            g_autofree char *text = NULL;
            gsize length;
            if (!g_file_get_contents(path, &text, &length, NULL)) {
                return 1;
            }
            LLVMFuzzerTestOneInput((const uint8_t *)text, length);
        }
    }
    printf("%d inputs\n", files);
    return files > 0 ? 0 : 1;
}
