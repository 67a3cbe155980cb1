/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/fuzz/replay.c - main of a fuzz target in ordinary builds: runs the kept corpus, prints TAP.
 *
 * Each file of tests/fuzz/corpus/<program>/ is one case, in order of name. An input that breaks the
 * target ends the process, as under libFuzzer; the line before names it. Files given as arguments
 * are run instead of the corpus: this is how a finding of the fuzzer is repeated.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int entry_is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The whole file as one heap block of exactly its size, so that a sanitizer sees any overrun. */
static int input_load(const char *path, uint8_t **data_out, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size;

    if (file == NULL)
        return -1;
    if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
        goto fail;
    rewind(file);
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size)
        goto fail;
    (void)fclose(file);
    *data_out = data;
    *size_out = (size_t)size;
    return 0;
fail:
    free(data);
    (void)fclose(file);
    return -1;
}

static int input_run(int number, const char *path, const char *name)
{
    uint8_t *data;
    size_t size;

    printf("# %s\n", path);
    (void)fflush(stdout);
    if (input_load(path, &data, &size) != 0) {
        printf("not ok %d - %s: %s\n", number, name, strerror(errno));
        return 1;
    }
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    printf("ok %d - %s\n", number, name);
    return 0;
}

static int corpus_run(const char *target)
{
    char folder[PATH_SIZE_MAX];
    struct dirent **entries = NULL;
    int failures = 0;

    (void)snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", NANOTS_SOURCE_DIR, target);
    const int count = scandir(folder, &entries, entry_is_visible, alphasort);
    if (count <= 0) {
        printf("1..1\nnot ok 1 - %s has no corpus\n", folder);
        return 1;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        char path[PATH_SIZE_MAX + sizeof entries[i]->d_name];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        failures += input_run(i + 1, path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return failures != 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        const char *slash = strrchr(argv[0], '/');
        return corpus_run(slash != NULL ? slash + 1 : argv[0]);
    }
    int failures = 0;
    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++)
        failures += input_run(i, argv[i], argv[i]);
    return failures != 0;
}
