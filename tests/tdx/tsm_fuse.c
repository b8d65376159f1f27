/* SPDX-License-Identifier: Apache-2.0 */
/* tsm-fuse MOUNTPOINT DEVICE_FILE: a file system that behaves as the kernel's TDX interfaces do,
 * with a software TDX behind it, in the foreground until SIGTERM:
 *
 *   report/NAME/{provider,generation,inblob,outblob}   configfs-tsm
 *   measurements/rtmr3:sha384                          read: the register; write: extend it
 *   mode                                               write one of the names below: how to
 * misbehave
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/crypto_openssl.h"
#include "link/tdx_sim.h"

enum { ENTRIES_MAX = 16, NAME_SIZE = 128, OUT_MAX = 20 * 1024, SLOW_MS = 300, BUSY_TIMES = 2 };

enum mode {
    HONEST,
    BUSY, /* the next two reads of outblob */
    BUSY_ALWAYS,
    JUMP, /* the generation rises by two, once */
    LATE, /* it rises once more while outblob is read, once */
    EMPTY,
    SHORT,
    OTHER_DATA, /* a quote over other report data */
    GROWING,    /* outblob never ends */
    SLOW,
    PADDED, /* zeros behind the quote, as some clouds deliver it */
    OTHER_DRIVER,
    TOO_BIG, /* EFBIG */
};
static const char *const mode_names[] = {[HONEST] = "honest",
                                         [BUSY] = "busy",
                                         [BUSY_ALWAYS] = "busy-always",
                                         [JUMP] = "jump",
                                         [LATE] = "late",
                                         [EMPTY] = "empty",
                                         [SHORT] = "short",
                                         [OTHER_DATA] = "other-data",
                                         [GROWING] = "growing",
                                         [SLOW] = "slow",
                                         [PADDED] = "padded",
                                         [OTHER_DRIVER] = "other-driver",
                                         [TOO_BIG] = "too-big"};

struct entry {
    char name[NAME_SIZE]; /* empty: free */
    unsigned generation, read_generation;
    bool has_in;
    uint8_t in[64], out[OUT_MAX];
    size_t out_size;
};

static struct {
    struct ee_tdx_sim *sim;
    enum mode mode;
    unsigned left; /* of what happens a few times */
    struct entry entries[ENTRIES_MAX];
} fs;

static const char register_path[] = "/measurements/rtmr3:sha384";
static const char *const attributes[] = {"provider", "generation", "inblob", "outblob"};

static struct entry *entry_named(const char *name, size_t size)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++)
        if (strlen(fs.entries[i].name) == size && size > 0 &&
            memcmp(fs.entries[i].name, name, size) == 0)
            return &fs.entries[i];
    return NULL;
}

/* "/report/NAME" or "/report/NAME/ATTRIBUTE"; *attribute is NULL for the entry itself. */
static struct entry *entry_of(const char *path, const char **attribute)
{
    static const char prefix[] = "/report/";
    *attribute = NULL;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return NULL;
    const char *name = path + sizeof prefix - 1, *slash = strchr(name, '/');
    if (slash)
        *attribute = slash + 1;
    return entry_named(name, slash ? (size_t)(slash - name) : strlen(name));
}

static bool is_folder(const char *path)
{
    const char *attribute;
    return strcmp(path, "/") == 0 || strcmp(path, "/report") == 0 ||
           strcmp(path, "/measurements") == 0 || (entry_of(path, &attribute) && !attribute);
}

static int fs_getattr(const char *path, struct stat *out, struct fuse_file_info *info)
{
    const char *attribute;
    (void)info;
    memset(out, 0, sizeof *out);
    if (is_folder(path)) {
        out->st_mode = S_IFDIR | 0755;
        out->st_nlink = 2;
        return 0;
    }
    out->st_mode = S_IFREG | 0600;
    out->st_nlink = 1;
    out->st_size = 4096;
    if (strcmp(path, "/mode") == 0 || strcmp(path, register_path) == 0)
        return 0;
    if (entry_of(path, &attribute))
        for (size_t i = 0; i < 4; i++)
            if (strcmp(attribute, attributes[i]) == 0)
                return 0;
    return -ENOENT;
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    (void)offset;
    (void)info;
    (void)flags;
    if (strcmp(path, "/report") != 0)
        return 0;
    for (size_t i = 0; i < ENTRIES_MAX; i++)
        if (fs.entries[i].name[0])
            fill(buffer, fs.entries[i].name, NULL, 0, 0);
    return 0;
}

static int fs_mkdir(const char *path, mode_t mode)
{
    const char *name = path + strlen("/report/");
    (void)mode;
    if (strncmp(path, "/report/", 8) != 0 || strlen(name) >= NAME_SIZE)
        return -EPERM;
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        struct entry *entry = &fs.entries[i];
        if (entry->name[0])
            continue;
        memset(entry, 0, sizeof *entry);
        (void)snprintf(entry->name, sizeof entry->name, "%s", name);
        return 0;
    }
    return -ENOSPC;
}

static int fs_rmdir(const char *path)
{
    const char *attribute;
    struct entry *entry = entry_of(path, &attribute);
    if (!entry || attribute)
        return -ENOENT;
    entry->name[0] = '\0';
    return 0;
}

static bool strikes(enum mode mode)
{
    if (fs.mode != mode || fs.left == 0)
        return false;
    fs.left--;
    return true;
}

static int mode_set(const char *data, size_t size)
{
    for (size_t i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++) {
        if (strlen(mode_names[i]) != size || memcmp(mode_names[i], data, size) != 0)
            continue;
        fs.mode = (enum mode)i;
        fs.left = fs.mode == BUSY ? BUSY_TIMES : 1;
        return (int)size;
    }
    return -EINVAL;
}

static int fs_write(const char *path, const char *data, size_t size, off_t offset,
                    struct fuse_file_info *info)
{
    const char *attribute;
    struct entry *entry = entry_of(path, &attribute);
    (void)info;
    if (strcmp(path, "/mode") == 0)
        return mode_set(data, size);
    if (strcmp(path, register_path) == 0) {
        if (size != EE_SHA384_SIZE || offset != 0)
            return -EINVAL;
        return ee_tdx_sim_extend(fs.sim, (const uint8_t *)data) == EE_OK ? (int)size : -EIO;
    }
    if (!entry || !attribute || strcmp(attribute, "inblob") != 0)
        return -EACCES;
    if (size != 64 || offset != 0)
        return -EINVAL;
    memcpy(entry->in, data, 64);
    entry->has_in = true;
    entry->generation += strikes(JUMP) ? 2 : 1;
    return (int)size;
}

/* The host's work; kept until the next write, as the kernel does. */
static int quote_make(struct entry *entry)
{
    struct ee_tdx_attempt attempt;
    uint8_t asked[64];
    if (fs.mode == BUSY_ALWAYS || strikes(BUSY))
        return -EBUSY;
    if (fs.mode == TOO_BIG)
        return -EFBIG;
    if (fs.mode == SLOW) {
        const struct timespec moment = {.tv_nsec = SLOW_MS * 1000000L};
        (void)nanosleep(&moment, NULL);
    }
    if (strikes(LATE))
        entry->generation++;
    memcpy(asked, entry->in, sizeof asked);
    asked[0] ^= fs.mode == OTHER_DATA;
    memset(entry->out, 0, sizeof entry->out);
    ee_tdx_attempt_init(&attempt, 1000, NULL);
    if (ee_tdx_sim_quote(fs.sim, asked, &attempt, entry->out, &entry->out_size) != EE_OK)
        return -EIO;
    entry->read_generation = entry->generation;
    if (fs.mode == EMPTY)
        entry->out_size = 0;
    else if (fs.mode == SHORT)
        entry->out_size /= 2;
    else if (fs.mode == PADDED)
        entry->out_size = 8000;
    return 0;
}

static int part(const void *data, size_t have, char *out, size_t size, off_t offset)
{
    size_t at = (size_t)offset;
    if (at >= have)
        return 0;
    if (size > have - at)
        size = have - at;
    memcpy(out, (const char *)data + at, size);
    return (int)size;
}

static int outblob_read(struct entry *entry, char *out, size_t size, off_t offset)
{
    if (!entry->has_in)
        return -EINVAL;
    if (offset == 0 && (entry->out_size == 0 || entry->read_generation != entry->generation)) {
        int result = quote_make(entry);
        if (result != 0)
            return result;
    }
    if (fs.mode == GROWING) {
        memset(out, 4, size);
        return (int)size;
    }
    return part(entry->out, entry->out_size, out, size, offset);
}

static int fs_read(const char *path, char *out, size_t size, off_t offset,
                   struct fuse_file_info *info)
{
    char text[32];
    uint8_t value[EE_SHA384_SIZE];
    const char *attribute;
    struct entry *entry = entry_of(path, &attribute);
    (void)info;
    if (strcmp(path, register_path) == 0) {
        ee_tdx_sim_register(fs.sim, value);
        return part(value, sizeof value, out, size, offset);
    }
    if (!entry || !attribute || strcmp(attribute, "inblob") == 0)
        return -EACCES;
    if (strcmp(attribute, "outblob") == 0)
        return outblob_read(entry, out, size, offset);
    if (strcmp(attribute, "provider") == 0)
        (void)snprintf(text, sizeof text, "%s\n",
                       fs.mode == OTHER_DRIVER ? "sev_guest" : "tdx_guest");
    else
        (void)snprintf(text, sizeof text, "%u\n", entry->generation);
    return part(text, strlen(text), out, size, offset);
}

static int fs_open(const char *path, struct fuse_file_info *info)
{
    (void)path;
    info->direct_io = 1;
    return 0;
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
    (void)path;
    (void)size;
    (void)info;
    return 0;
}

static const struct fuse_operations operations = {.getattr = fs_getattr,
                                                  .readdir = fs_readdir,
                                                  .mkdir = fs_mkdir,
                                                  .rmdir = fs_rmdir,
                                                  .write = fs_write,
                                                  .read = fs_read,
                                                  .open = fs_open,
                                                  .truncate = fs_truncate};

int main(int argc, char **argv)
{
    char foreground[] = "-f", single[] = "-s";
    if (argc != 3) {
        (void)fprintf(stderr, "usage: tsm-fuse MOUNTPOINT DEVICE_FILE\n");
        return 2;
    }
    enum ee_err err = ee_tdx_sim_open(argv[2], "ee-agent", &ee_crypto_openssl, &fs.sim);
    if (err != EE_OK) {
        (void)fprintf(stderr, "tsm-fuse: %s: %s\n", argv[2], ee_err_text(err));
        return 1;
    }
    char *words[] = {argv[0], foreground, single, argv[1], NULL};
    int code = fuse_main(4, words, &operations, NULL);
    ee_tdx_sim_free(fs.sim);
    return code;
}
