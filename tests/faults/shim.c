/* Makes one call of a process fail, or kills the process at it: LD_PRELOAD of tests/faults/harness.py.
 *
 * From fault_begin() on, it counts calls of this process and its children: open, rename, link and unlink of paths below a
 * folder, write, truncate and fsync of files there, and every fork and thread. FAULT_LOG names a file that gets a line
 * for each. The call with the chosen number fails, or the first process is killed with -9 at it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long at = -1;
static int must_kill;
static pid_t first;
static const char *folder;
static _Thread_local int busy;
static long *count;

/* Start again in a forked process, which asks for this by ctypes. */
void fault_begin(long number, int kill_at_it, const char *where) {
  at = number;
  must_kill = kill_at_it;
  folder = strdup(where);
  first = getpid();
  count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static int below(const char *path) {
  char real[PATH_MAX];
  if (!folder || !path) return 0;
  if (path[0] == '/') return strncmp(path, folder, strlen(folder)) == 0;
  if (!getcwd(real, sizeof real)) return 0;
  return strncmp(real, folder, strlen(folder)) == 0;
}

static int of_folder(int number) {
  char name[64], real[PATH_MAX];
  snprintf(name, sizeof name, "/proc/self/fd/%d", number);
  ssize_t size = readlink(name, real, sizeof real - 1);
  if (size < 0) return 0;
  real[size] = 0;
  return real[0] == '/' && below(real);
}

/* Whether this call is the one that fails. */
static int fails_at(const char *what, const char *path, int counts) {
  if (at < 0 || busy || !counts) return 0;
  busy = 1;
  long number = __sync_add_and_fetch(count, 1);
  const char *log = getenv("FAULT_LOG");
  if (log) {
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    ssize_t (*real_write)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    int to = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (to >= 0) {
      char line[PATH_MAX + 64];
      const char *name = path ? strrchr(path, '/') : NULL;
      int size = snprintf(line, sizeof line, "%ld %s %s\n", number, what, name ? name + 1 : path ? path : "");
      if (real_write(to, line, size) != size) abort();
      close(to);
    }
  }
  busy = 0;
  if (number != at) return 0;
  if (must_kill) {
    kill(first, SIGKILL);
    pause();
  }
  return 1;
}

#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL(code, result) do { errno = (code); return (result); } while (0)

#define OPEN(name)                                         \
  int name(const char *path, int flags, ...) {             \
    NEXT(name);                                            \
    va_list words;                                         \
    va_start(words, flags);                                \
    mode_t mode = va_arg(words, mode_t);                   \
    va_end(words);                                         \
    if (fails_at("open", path, below(path))) FAIL(EIO, -1);         \
    return next(path, flags, mode);                        \
  }
OPEN(open)
OPEN(open64)

int openat(int at_folder, const char *path, int flags, ...) {
  NEXT(openat);
  va_list words;
  va_start(words, flags);
  mode_t mode = va_arg(words, mode_t);
  va_end(words);
  if (fails_at("open", path, below(path))) FAIL(EIO, -1);
  return next(at_folder, path, flags, mode);
}

ssize_t write(int number, const void *data, size_t size) {
  NEXT(write);
  if (fails_at("write", NULL, of_folder(number))) FAIL(ENOSPC, -1);
  return next(number, data, size);
}

int fsync(int number) {
  NEXT(fsync);
  if (fails_at("fsync", NULL, of_folder(number))) FAIL(EIO, -1);
  return next(number);
}

int rename(const char *from, const char *to) {
  NEXT(rename);
  if (fails_at("rename", to, below(to))) FAIL(EIO, -1);
  return next(from, to);
}

int renameat(int a, const char *from, int b, const char *to) {
  NEXT(renameat);
  if (fails_at("rename", to, below(to))) FAIL(EIO, -1);
  return next(a, from, b, to);
}

int link(const char *from, const char *to) {
  NEXT(link);
  if (fails_at("link", to, below(to))) FAIL(EIO, -1);
  return next(from, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
  NEXT(linkat);
  if (fails_at("link", to, below(to))) FAIL(EIO, -1);
  return next(a, from, b, to, flags);
}

int unlink(const char *path) {
  NEXT(unlink);
  if (fails_at("unlink", path, below(path))) FAIL(EIO, -1);
  return next(path);
}

int ftruncate(int number, off_t size) {
  NEXT(ftruncate);
  if (fails_at("truncate", NULL, of_folder(number))) FAIL(EIO, -1);
  return next(number, size);
}

int ftruncate64(int number, off64_t size) {
  NEXT(ftruncate64);
  if (fails_at("truncate", NULL, of_folder(number))) FAIL(EIO, -1);
  return next(number, size);
}

pid_t fork(void) {
  NEXT(fork);
  if (fails_at("fork", NULL, 1)) FAIL(EAGAIN, -1);
  return next();
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*work)(void *), void *data) {
  NEXT(pthread_create);
  if (fails_at("clone", NULL, getpid() == first)) return EAGAIN;
  return next(thread, how, work, data);
}
