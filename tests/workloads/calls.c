// Every form of the calls that change an address space or make a process, once or a few times.
// Each call's own outcome is asserted, so that the witness has seen what the test believes.
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)

extern char **environ;

static char *map(size_t length, int prot, int flags, int fd, off_t offset) {
    char *at = mmap(NULL, length, prot, flags, fd, offset);
    MUST(at != MAP_FAILED);
    return at;
}

static void mappings(int file) {
    char *big = map(16 * PAGE, RW, ANON, -1, 0);
    map(3 * PAGE + 5, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    map(2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    map(2 * PAGE, RW, ANON | MAP_POPULATE | MAP_STACK, -1, 0);
    map(PAGE, RW, ANON | MAP_GROWSDOWN, -1, 0);
    map(2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    map(PAGE, RW, MAP_SHARED, file, PAGE);
    map(PAGE, PROT_READ, MAP_SHARED_VALIDATE, file, 0);
    int memfd = memfd_create("memwatch test", MFD_CLOEXEC);
    MUST(memfd >= 0 && ftruncate(memfd, 8 * PAGE) == 0);
    map(8 * PAGE, RW, MAP_SHARED, memfd, 0);
    map(PAGE, RW, MAP_PRIVATE, memfd, 2 * PAGE);
    int zero = open("/dev/zero", O_RDWR);
    MUST(zero >= 0);
    map(PAGE, RW, MAP_SHARED, zero, 0);
    map(PAGE, RW, MAP_PRIVATE, zero, 0);
    // Over something that is there, beside it, and where it is asked for without force.
    MUST(mmap(big + 4 * PAGE, 2 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0) == big + 4 * PAGE);
    MUST(mmap(big + 8 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED);
    MUST(mmap(big, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
    MUST(mmap((void *)0x200000000000, PAGE, RW, ANON, -1, 0) != MAP_FAILED);
    MUST(mmap(big + 1, PAGE, RW, ANON, -1, 0) != MAP_FAILED);
    MUST(mmap(NULL, 0, RW, ANON, -1, 0) == MAP_FAILED);
    MUST(mmap(NULL, PAGE, RW, MAP_PRIVATE, 999, 0) == MAP_FAILED);
    MUST(mmap(NULL, 1UL << 60, RW, ANON, -1, 0) == MAP_FAILED);
    MUST(munmap(big + PAGE, 2 * PAGE) == 0);
    MUST(munmap(big + 3 * PAGE, 5) == 0);
    MUST(munmap(big + 1, PAGE) == -1);
    MUST(munmap(big, 0) == -1);
    MUST(munmap(big, 16 * PAGE) == 0);
    MUST(munmap(big, 16 * PAGE) == 0);
    close(zero);
    close(memfd);
}

static void moves(void) {
    // Room to grow in place: the lower half of a hole we made.
    char *at = map(64 * PAGE, RW, ANON, -1, 0);
    MUST(munmap(at + 8 * PAGE, 56 * PAGE) == 0);
    MUST(mremap(at, 8 * PAGE, 16 * PAGE, 0) == at);
    MUST(mremap(at, 16 * PAGE, 4 * PAGE, 0) == at);
    char *wall = mmap(at + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    MUST(wall != MAP_FAILED && mprotect(wall, PAGE, PROT_NONE) == 0);
    MUST(mremap(at, 4 * PAGE, 8 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
    char *moved = mremap(at, 4 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
    MUST(moved != MAP_FAILED && moved != at);
    char *target = map(32 * PAGE, RW, ANON, -1, 0);
    MUST(mremap(moved, 32 * PAGE, 24 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
    char *copy = mremap(target, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    MUST(copy != MAP_FAILED && copy != target);
    char *shared = map(8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *twin = mremap(shared, 0, 8 * PAGE, MREMAP_MAYMOVE);
    MUST(twin != MAP_FAILED && twin != shared);
    MUST(mremap(copy, 0, 8 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
    MUST(mremap(copy + 1, PAGE, PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
}

static void heap(void) {
    char *start = sbrk(0);
    MUST(sbrk(40 * PAGE) == start);
    MUST(sbrk(100) != (void *)-1);
    MUST(brk(start + 10 * PAGE + 7) == 0);
    MUST(brk((char *)(1UL << 62)) == -1);
    MUST(brk(start) == 0);
}

static void *thread_body(void *unused) {
    (void)unused;
    for (int i = 1; i <= 100; i++) {
        char *at = map((1 + i % 7) * PAGE, RW, ANON, -1, 0);
        *at = 1;
        if (i % 3) MUST(munmap(at, PAGE) == 0);
    }
    free(malloc(300000));
    return NULL;
}

static void threads(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) MUST(pthread_create(&threads[i], NULL, thread_body, NULL) == 0);
    for (int i = 0; i < 4; i++) MUST(pthread_join(threads[i], NULL) == 0);
}

static void *execute(void *unused) {
    (void)unused;
    execl("/bin/true", "true", NULL);
    abort();
}

static void child(int which) {
    map((which + 1) * PAGE, RW, ANON, -1, 0);
    pthread_t thread;
    switch (which) {
    case 0: _exit(0);
    case 1: _exit(42);
    case 2: kill(getpid(), SIGKILL); break;
    case 3: kill(getpid(), SIGTERM); break;
    case 4: execl("/no/such/program", "x", NULL); execl("/bin/true", "true", NULL); break;
    case 5: execl("/bin/sh", "sh", "-c", "/bin/true; exit 3", NULL); break;
    case 6: threads(); exit(5);
    case 7: pthread_create(&thread, NULL, execute, NULL); pause(); break;
    case 8: if (fork() == 0) _exit(6); wait(NULL); _exit(7);
    }
    abort();
}

static void children(void) {
    for (int which = 0; which <= 8; which++) {
        pid_t pid = fork();
        MUST(pid >= 0);
        if (pid == 0) child(which);
        MUST(waitpid(pid, NULL, 0) == pid);
    }
    pid_t pid = vfork();
    if (pid == 0) _exit(9);
    MUST(waitpid(pid, NULL, 0) == pid);
    char *arguments[] = {"true", NULL};
    for (int i = 0; i < 3; i++) {
        MUST(posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ) == 0);
        MUST(waitpid(pid, NULL, 0) == pid);
    }
}

int main(int argc, char **argv) {
    assert(argc == 2);
    int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    MUST(file >= 0 && ftruncate(file, 4 * PAGE) == 0);
    mappings(file);
    moves();
    heap();
    threads();
    children();
    return 11;
}
