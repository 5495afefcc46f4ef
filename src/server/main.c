/* SPDX-License-Identifier: Apache-2.0 */
/* The program: its commands on one page. */
#include <glib.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ingest/ingest.h"
#include "server/commands.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *sentence;
    const char *example;
} commands[] = {
    {"serve", serve_command, "run the hub",
     "zhongshu serve --data data --listen 127.0.0.1:8080 --mqtt 127.0.0.1:1883"},
    {"import", import_command_here, "turn a CSV file into entities and history",
     "zhongshu import stations.csv --input prsa --data data"},
    {"replay", replay_command, "publish recorded rows over MQTT in the order of their time",
     "zhongshu replay PRSA_*.csv.gz --mqtt 127.0.0.1:1883 --topic 'zs/prsa/{station}/reading' "
     "--time year,month,day,hour --zone +08:00 --speed 3600x"},
    {"user", user_command, "make, change, list or remove accounts of a hub that is not running",
     "zhongshu user add zhang --data data --role operator --password-file secret"},
    {"packs", packs_command_here, "check, list or explain packs", "zhongshu packs check packs"},
    {"demo", demo_command_here, "play the devices that packs simulate",
     "zhongshu demo --packs packs --server http://127.0.0.1:8080 --mqtt 127.0.0.1:1883"},
    {"verify", verify_command, "check the evidence log and every case against it, offline",
     "zhongshu verify --data data"},
    {"compact", compact_command, "make the history as small as it goes, while the hub is stopped",
     "zhongshu compact --data data"},
    {"backup", backup_command, "copy a data directory, also while the hub runs",
     "zhongshu backup --data data --to copy"},
    {"restore", restore_command, "put a backup into an empty data directory",
     "zhongshu restore --from copy --data data"},
    {"routes", routes_command, "list every address of the HTTP interface", "zhongshu routes"},
};

static int help(FILE *out)
{
    fputs("zhongshu " ZHONGSHU_VERSION " — the intelligent hub of a city (城市智能中枢)\n\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        fprintf(out, "  %-9s %s\n            %s\n", commands[i].name, commands[i].sentence,
                commands[i].example);
    }
    fputs("\nEach command has --help.\n", out);
    return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    umask(0077); /* what the hub keeps is nobody else's to read */
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C");
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        return help(argc < 2 ? stderr : stdout);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("zhongshu " ZHONGSHU_VERSION);
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "zhongshu: there is no command \"%s\" / 没有命令“%s”\n\n", argv[1], argv[1]);
    return help(stderr);
}
