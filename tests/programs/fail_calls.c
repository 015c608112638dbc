/* A library to preload: counts the calls that open or change files below a folder, fails those that
 * are wanted, and records the others.
 *
 * `watch(folder)` begins to count, from 0. `fail_call(number, error, times)` has the first `times`
 * calls from that number on fail that may have this error; 0 is a write that stores a half.
 * `calls_made()` is how many there were, `failed_call()` the number of the first that has failed, or
 * -1. `trace(descriptor)` has each
 * call that has done its work written there, as a record that tests/traced_files.py reads, and
 * `mark(number)` a record of its own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a call does, and so which errors it may have. */
enum { WRITES = 1, ALLOCATES = 2, OPENS = 4, MAPS = 8, OTHER = 16 };

static char root[PATH_MAX];
static size_t root_size;
static long made, first = -1, failed = -1;
static int failure, left, trace_to = -1;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void watch(const char *folder)
{
    snprintf(root, sizeof root, "%s", folder);
    root_size = strlen(root);
    made = 0;
    first = failed = -1;
}

void fail_call(long number, int error, int times)
{
    first = number;
    failure = error;
    left = times;
}

void stop_failing(void) { first = -1; }
long calls_made(void) { return made; }
long failed_call(void) { return failed; }
void trace(int descriptor) { trace_to = descriptor; }

static int is_below(const char *path)
{
    return root_size && path && strncmp(path, root, root_size) == 0;
}

/* The path of a descriptor, and whether it is below the folder. */
static int path_of(int descriptor, char *path)
{
    char link[64];
    ssize_t size;
    if (!root_size || descriptor < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    size = readlink(link, path, PATH_MAX - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    return is_below(path);
}

static int path_at(int directory, const char *name, char *path)
{
    char folder[PATH_MAX];
    if (!root_size || !name)
        return 0;
    if (name[0] == '/' || directory == AT_FDCWD) {
        snprintf(path, PATH_MAX, "%s", name);
        return is_below(path);
    }
    if (!path_of(directory, folder))
        return 0;
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/* 1 when this call is to fail; errno says how. 2 when it is to write a half. */
static int is_due(int kinds)
{
    int due, wanted = WRITES | ALLOCATES | OPENS | MAPS | OTHER;
    if (failure == 0)
        wanted = WRITES;
    else if (failure == ENOSPC)
        wanted = WRITES | ALLOCATES;
    else if (failure == EMFILE)
        wanted = OPENS;
    else if (failure == ENOMEM)
        wanted = MAPS;
    else if (left > 1)
        /* A device that takes no writes. */
        wanted = WRITES | ALLOCATES;
    pthread_mutex_lock(&turn);
    due = first >= 0 && made >= first && left > 0 && (kinds & wanted);
    if (due && failed < 0)
        failed = made;
    left -= due;
    made++;
    pthread_mutex_unlock(&turn);
    if (!due)
        return 0;
    errno = failure;
    return failure ? 1 : 2;
}

static ssize_t (*write_really)(int, const void *, size_t);

#define REAL(name) \
    static __typeof__(&name) really; \
    if (!really) \
        really = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* One record: kind, size of the path, offset, size of the data; then the path and the data. */
static void record(char kind, const char *path, int64_t offset, const void *data, size_t size)
{
    struct { int64_t kind, path, offset, size; } head;
    int kept = errno;
    if (trace_to < 0)
        return;
    if (!write_really)
        write_really = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    head.kind = kind;
    head.path = (int64_t)strlen(path);
    head.offset = offset;
    head.size = (int64_t)size;
    pthread_mutex_lock(&turn);
    if (write_really(trace_to, &head, sizeof head) < 0 ||
        write_really(trace_to, path, strlen(path)) < 0 ||
        (size && write_really(trace_to, data, size) < 0))
        abort();
    pthread_mutex_unlock(&turn);
    errno = kept;
}

void mark(long number) { record('k', "", number, NULL, 0); }

/* W: the descriptor has every write synced. */
static ssize_t written(int descriptor, const char *path, ssize_t done, int64_t offset,
                       const void *data)
{
    int is_synced = (fcntl(descriptor, F_GETFL) & O_DSYNC) != 0;
    if (done > 0)
        record(is_synced ? 'W' : 'w', path, offset, data, (size_t)done);
    return done;
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset)
{
    char path[PATH_MAX];
    int due;
    REAL(pwrite64);
    if (!path_of(descriptor, path))
        return really(descriptor, data, size, offset);
    due = is_due(WRITES);
    if (due == 1)
        return -1;
    if (due == 2 && size > 1)
        size /= 2;
    return written(descriptor, path, really(descriptor, data, size, offset), offset, data);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset)
{
    return pwrite64(descriptor, data, size, offset);
}

ssize_t write(int descriptor, const void *data, size_t size)
{
    char path[PATH_MAX];
    int due;
    off_t offset;
    REAL(write);
    if (!path_of(descriptor, path))
        return really(descriptor, data, size);
    due = is_due(WRITES);
    if (due == 1)
        return -1;
    if (due == 2 && size > 1)
        size /= 2;
    offset = lseek(descriptor, 0, SEEK_CUR);
    return written(descriptor, path, really(descriptor, data, size), offset, data);
}

static ssize_t write_parts(int descriptor, const struct iovec *parts, int count,
                           off_t offset, int is_at)
{
    char path[PATH_MAX];
    ssize_t done = 0, one;
    int due = 0, number, is_watched = path_of(descriptor, path);
    static ssize_t (*really)(int, const void *, size_t, off64_t);
    if (!really)
        really = (__typeof__(really))dlsym(RTLD_NEXT, "pwrite64");
    if (is_watched)
        due = is_due(WRITES);
    if (due == 1)
        return -1;
    if (!is_at)
        offset = lseek(descriptor, 0, SEEK_CUR);
    if (due == 2)
        count = (count + 1) / 2;
    for (number = 0; number < count; number++) {
        one = really(descriptor, parts[number].iov_base, parts[number].iov_len, offset + done);
        if (one < 0)
            return done ? done : -1;
        if (is_watched)
            written(descriptor, path, one, offset + done, parts[number].iov_base);
        done += one;
        if ((size_t)one < parts[number].iov_len)
            break;
    }
    if (!is_at)
        lseek(descriptor, offset + done, SEEK_SET);
    return done;
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset)
{
    return write_parts(descriptor, parts, count, offset, 1);
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset)
{
    return write_parts(descriptor, parts, count, offset, 1);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    return write_parts(descriptor, parts, count, 0, 0);
}

#define ON_DESCRIPTOR(name, kind, does, parameters, arguments, offset) \
    int name parameters \
    { \
        char path[PATH_MAX]; \
        int done; \
        REAL(name); \
        if (!path_of(descriptor, path)) \
            return really arguments; \
        if (is_due(does)) \
            return -1; \
        done = really arguments; \
        if (done == 0) \
            record(kind, path, offset, NULL, 0); \
        return done; \
    }

ON_DESCRIPTOR(fsync, 's', ALLOCATES, (int descriptor), (descriptor), 0)
ON_DESCRIPTOR(fdatasync, 's', ALLOCATES, (int descriptor), (descriptor), 0)
ON_DESCRIPTOR(ftruncate, 't', ALLOCATES, (int descriptor, off_t size), (descriptor, size), size)
ON_DESCRIPTOR(ftruncate64, 't', ALLOCATES, (int descriptor, off64_t size), (descriptor, size), size)

/* This returns its error, and has none of room where all is allocated. */
#define ALLOCATION(name, type) \
    int name(int descriptor, type offset, type size) \
    { \
        char path[PATH_MAX]; \
        struct stat found; \
        int done, does = ALLOCATES; \
        REAL(name); \
        if (!path_of(descriptor, path)) \
            return really(descriptor, offset, size); \
        if (fstat(descriptor, &found) == 0 && found.st_blocks * 512 >= offset + size) \
            does = OTHER; \
        if (is_due(does)) \
            return errno; \
        done = really(descriptor, offset, size); \
        if (done == 0) \
            record('a', path, offset + size, NULL, 0); \
        return done; \
    }

ALLOCATION(posix_fallocate, off_t)
ALLOCATION(posix_fallocate64, off64_t)

/* A hole is punched in a file of the same size. */
int fallocate(int descriptor, int mode, off_t offset, off_t size)
{
    char path[PATH_MAX];
    int64_t length = size;
    int done;
    REAL(fallocate);
    if (!path_of(descriptor, path))
        return really(descriptor, mode, offset, size);
    if (is_due(OTHER))
        return -1;
    done = really(descriptor, mode, offset, size);
    if (done == 0 && (mode & FALLOC_FL_PUNCH_HOLE))
        record('h', path, offset, &length, sizeof length);
    return done;
}

static int open_any(int directory, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    struct stat found;
    int descriptor, is_new, is_watched = path_at(directory, name, path);
    static int (*really)(int, const char *, int, ...);
    if (!really)
        really = (__typeof__(really))dlsym(RTLD_NEXT, "openat64");
    is_new = is_watched && (flags & O_CREAT) && fstatat(directory, name, &found, 0) != 0;
    if (is_watched && is_due(is_new ? OPENS | ALLOCATES : OPENS))
        return -1;
    descriptor = really(directory, name, flags, mode);
    if (descriptor >= 0 && is_new)
        record('c', path, 0, NULL, 0);
    else if (descriptor >= 0 && is_watched && (flags & O_TRUNC))
        record('t', path, 0, NULL, 0);
    return descriptor;
}

#define OPENING(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list rest; \
        mode_t mode; \
        va_start(rest, flags); \
        mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return open_any(AT_FDCWD, path, flags, mode); \
    }

OPENING(open)
OPENING(open64)

#define OPENING_AT(name) \
    int name(int directory, const char *path, int flags, ...) \
    { \
        va_list rest; \
        mode_t mode; \
        va_start(rest, flags); \
        mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return open_any(directory, path, flags, mode); \
    }

OPENING_AT(openat)
OPENING_AT(openat64)

static int renamed(const char *from, const char *to, int done)
{
    if (done == 0)
        record('r', from, 0, to, strlen(to));
    return done;
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    if (!is_below(from))
        return really(from, to);
    return is_due(OTHER) ? -1 : renamed(from, to, really(from, to));
}

#define ON_PATH(name, kind, does, parameters, arguments) \
    int name parameters \
    { \
        int done; \
        REAL(name); \
        if (!is_below(path)) \
            return really arguments; \
        if (is_due(does)) \
            return -1; \
        done = really arguments; \
        if (done == 0) \
            record(kind, path, 0, NULL, 0); \
        return done; \
    }

ON_PATH(mkdir, 'm', ALLOCATES, (const char *path, mode_t mode), (path, mode))
ON_PATH(unlink, 'u', OTHER, (const char *path), (path))
ON_PATH(rmdir, 'd', OTHER, (const char *path), (path))

int unlinkat(int directory, const char *name, int flags)
{
    char path[PATH_MAX];
    int done;
    REAL(unlinkat);
    if (!path_at(directory, name, path))
        return really(directory, name, flags);
    if (is_due(OTHER))
        return -1;
    done = really(directory, name, flags);
    if (done == 0)
        record(flags & AT_REMOVEDIR ? 'd' : 'u', path, 0, NULL, 0);
    return done;
}

void *mmap64(void *address, size_t size, int protection, int flags, int descriptor, off64_t offset)
{
    char path[PATH_MAX];
    REAL(mmap64);
    if (descriptor >= 0 && path_of(descriptor, path) && is_due(MAPS))
        return (void *)-1;
    return really(address, size, protection, flags, descriptor, offset);
}

void *mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset)
{
    return mmap64(address, size, protection, flags, descriptor, offset);
}
