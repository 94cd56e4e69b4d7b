// twins: has descriptors of the same open files, its own and a child's, before anybody watches. Says
// "ready"; then lets one go for each line it reads, and says "done" each time. All of it ends with
// its input.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)
#define MAKE(call) ({ int made_ = (int)(call); if (made_ < 0) { perror(#call); abort(); } made_; })

static void say(const char *word) {
    MUST(puts(word) >= 0 && fflush(stdout) == 0);
}

static void wait_for_line(void) {
    char line[16];
    if (!fgets(line, sizeof line, stdin)) exit(0);
}

int main(void) {
    MUST(close_range(3, ~0U, 0) == 0);
    // One eventfd of three numbers, one timerfd of two, one eventfd of one.
    int first = MAKE(eventfd(0, 0)), second = MAKE(dup(first)), third = MAKE(dup(first));
    int timer = MAKE(timerfd_create(CLOCK_MONOTONIC, 0));
    MAKE(dup(timer));
    MAKE(eventfd(0, 0));
    // The watch is on the file, whichever of its numbers is closed first.
    int epoll = MAKE(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, first, &event) == 0);
    pid_t parent = getpid(), child = MAKE(fork());
    if (child == 0) {
        MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        if (getppid() != parent) _exit(0);
        for (;;) pause();
    }
    char word[32];
    snprintf(word, sizeof word, "child %d", child);
    say(word);
    say("ready");
    int numbers[] = {first, second, third};
    for (int i = 0; i < 3; i++) {
        wait_for_line();
        MUST(close(numbers[i]) == 0);
        say("done");
    }
    // The child is the last that has it.
    wait_for_line();
    MUST(kill(child, SIGKILL) == 0);
    say("done");
    wait_for_line();
    return 0;
}
