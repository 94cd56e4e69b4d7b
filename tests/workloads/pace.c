// pace EVENTS_PER_SECOND SECONDS: says "ready" and waits for a line; then makes so many events at that
// pace, in turns of ten: a mapping, an eventfd, a copy of it, a socket and a timer, each made and
// given back. Says how many turns that were and holds still. Who was kept waiting does not hurry to
// catch up: the pace is never much more than asked for.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)
#define EVENTS 10
#define TURNS_AT_ONCE 20
#define SECOND 1000000000L
// How far behind its time it may fall and still make up for it.
#define MOST_BEHIND (SECOND / 100)

static void turn(void) {
    char *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(at != MAP_FAILED && munmap(at, 4096) == 0);
    int fd = eventfd(0, 0), copy = dup(fd), local = socket(AF_UNIX, SOCK_STREAM, 0), timer;
    MUST(fd >= 0 && copy >= 0 && local >= 0);
    MUST(close(copy) == 0 && close(fd) == 0 && close(local) == 0);
    struct sigevent silent = {.sigev_notify = SIGEV_NONE};
    MUST(syscall(SYS_timer_create, CLOCK_MONOTONIC, &silent, &timer) == 0);
    MUST(syscall(SYS_timer_delete, timer) == 0);
}

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

int main(int argc, char **argv) {
    char byte;
    if (argc != 3) return 2;
    long rate = atol(argv[1]), turns = rate * atol(argv[2]) / EVENTS;
    if (write(1, "ready\n", 6) != 6 || read(0, &byte, 1) != 1) return 1;
    long due = now();
    for (long done = 0; done < turns; done++) {
        turn();
        if (done % TURNS_AT_ONCE != TURNS_AT_ONCE - 1) continue;
        due += TURNS_AT_ONCE * EVENTS * SECOND / rate;
        if (due < now() - MOST_BEHIND) due = now() - MOST_BEHIND;
        struct timespec until = {due / SECOND, due % SECOND};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    printf("%ld\n", turns);
    fflush(stdout);
    while (read(0, &byte, 1) == 1) {}
    return 0;
}
