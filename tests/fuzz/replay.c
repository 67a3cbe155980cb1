/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/fuzz/replay.c - main of a fuzz target in ordinary builds: runs the kept corpus, prints TAP.
 *
 * Each file of tests/fuzz/corpus/<program>/ is one case, in order of name. An input that breaks the
 * target ends the process, as under libFuzzer; the line before names it. Files given as arguments
 * are run instead of the corpus: this is how a finding of the fuzzer is repeated.
 *
 * A target with a mutator of its own also runs what that makes of each file: the same in each run,
 * until SEED says otherwise. To look for new findings is the fuzzer's part.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/seed.h"

#define PATH_SIZE_MAX   4096
#define MUTATIONS       100u /* of each file, one after another */
#define MUTANT_SIZE_MAX (64u << 10)
#define SEED_USUAL      1u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Of the target, if it has one. */
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max,
                                                     unsigned seed);
/* What libFuzzer gives to mutators: here it spoils one byte. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);

static uint64_t replay_seed;

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

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max)
{
    (void)size_max;
    if (size != 0)
        data[seed_next(&replay_seed) % size] = (uint8_t)seed_next(&replay_seed);
    return size;
}

/* Blocks of exactly the size, as input_load makes them. */
static void mutants_run(const uint8_t *data, size_t size)
{
    uint8_t *mutant = malloc(MUTANT_SIZE_MAX);
    if (mutant == NULL || size > MUTANT_SIZE_MAX)
        abort();
    memcpy(mutant, data, size);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        size = LLVMFuzzerCustomMutator(mutant, size, MUTANT_SIZE_MAX,
                                       (unsigned)seed_next(&replay_seed));
        uint8_t *input = malloc(size != 0 ? size : 1);
        if (input == NULL)
            abort();
        memcpy(input, mutant, size);
        (void)LLVMFuzzerTestOneInput(input, size);
        free(input);
    }
    free(mutant);
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
    if (LLVMFuzzerCustomMutator != NULL)
        mutants_run(data, size);
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
    if (LLVMFuzzerCustomMutator != NULL)
        replay_seed = seed_given_or(SEED_USUAL);
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
