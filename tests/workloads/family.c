// family COUNT: makes COUNT children one after another, each of which works a little and ends in
// its own way: by itself, by a signal, as another program.
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL

static void work(int number) {
    int flags = number % 5 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_ANONYMOUS;
    for (int i = 1; i <= 20; i++) {
        char *at = mmap(NULL, i * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (at == MAP_FAILED) abort();
        *at = 1;
        if (i % 4 == 0) munmap(at, i * PAGE);
        if (i % 4 == 1) mremap(at, i * PAGE, 2 * i * PAGE, MREMAP_MAYMOVE);
    }
    if (sbrk(number % 50 * 1000) == (void *)-1) abort();
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    int count = atoi(argv[1]);
    for (int number = 0; number < count; number++) {
        pid_t pid = fork();
        if (pid < 0) return 1;
        if (pid == 0) {
            work(number);
            if (number % 10 == 3) execl("/bin/true", "true", NULL);
            if (number % 10 == 4) kill(getpid(), SIGKILL);
            _exit(number % 3);
        }
        if (waitpid(pid, NULL, 0) != pid) return 1;
    }
    return 0;
}
