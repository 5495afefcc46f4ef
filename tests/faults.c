/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a hub by tests/test_faults.py: makes writes and fsyncs fail as a bad disk does. The file
 * named by FAULTS says what fails now: its first byte fsync, its second writing; '0' nothing, 'E' all with
 * EIO, 'S' all with ENOSPC, 'R' one in eight with EIO, 'H' writes half of it and then ENOSPC. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const volatile char *modes = "00";
static uint32_t draws = 2463534242;

__attribute__((constructor)) static void open_modes(void)
{
    const char *path = getenv("FAULTS");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (map != MAP_FAILED) {
        modes = map;
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* The error that this call shall have, or 0. */
static int fault(char mode)
{
    uint32_t x = __atomic_load_n(&draws, __ATOMIC_RELAXED);
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    __atomic_store_n(&draws, x, __ATOMIC_RELAXED);
    return mode == 'E' ? EIO : mode == 'S' || mode == 'H' ? ENOSPC : mode == 'R' && x % 8 == 0 ? EIO : 0;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int error = fault(modes[0]);
    return error != 0 ? fail(error) : real(fd);
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int error = fault(modes[0]);
    return error != 0 ? fail(error) : real(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    int error = fault(modes[1]);
    if (modes[1] == 'H' && n > 1) {
        return real(fd, data, n / 2, at);
    }
    return error != 0 ? fail(error) : real(fd, data, n, at);
}
