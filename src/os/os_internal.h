/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/os_internal.h - what vfs_posix.c, lock_posix.c and map_posix.c share. */
#ifndef NTS_OS_INTERNAL_H
#define NTS_OS_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>

#include "os/vfs.h"

/* The end of a long path says more than its beginning, and messages have 256 bytes in all. */
#define OS_NAME_SIZE_MAX 104u

struct os_file {
    struct nanots_file file; /* first member */
    int fd;
    /* Set by the first durable write that the file system cannot do at once. Relaxed everywhere:
     * a thread that sees it late only asks once more. */
    atomic_bool dsync_refused;
    char name[OS_NAME_SIZE_MAX]; /* of the path, for messages */
    char *path;                  /* absolute, without links; NULL: unknown */
};

static inline struct os_file *nts_os_file_of(struct nanots_file *file)
{
    return (struct os_file *)((char *)file - offsetof(struct os_file, file));
}

/* Gives a failure already described another code than its errno would. */
static inline nanots_status nts_os_recode(struct nanots_error *error, nanots_status code)
{
    if (error != NULL)
        error->code = code;
    return code;
}

/* lock_posix.c */
nanots_status nts_posix_lock_writer(struct nanots_file *file, struct nanots_error *error);
nanots_status nts_posix_pin(struct nanots_file *file, uint64_t generation,
                            struct nanots_error *error);
void nts_posix_unpin(struct nanots_file *file, uint64_t generation);
nanots_status nts_posix_oldest_pin(struct nanots_file *file, uint64_t first, uint64_t end,
                                   uint64_t *generation_out, struct nanots_error *error);

/* map_posix.c */
nanots_status nts_posix_map_read(struct nanots_file *file, uint64_t size, const uint8_t **bytes_out,
                                 struct nanots_error *error);
nanots_status nts_posix_map_write(struct nanots_file *file, uint64_t offset, uint64_t size,
                                  uint8_t **bytes_out, struct nanots_error *error);
void nts_posix_unmap(struct nanots_file *file, const uint8_t *bytes, uint64_t size);
nanots_status nts_posix_populate(struct nanots_file *file, const uint8_t *bytes, uint64_t size,
                                 struct nanots_error *error);
int nts_posix_can_map_wal(struct nanots_file *file);

#endif
