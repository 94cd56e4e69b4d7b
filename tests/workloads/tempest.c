// tempest SECONDS: waits for a line; hundreds of processes fork, map, open, copy, pass descriptors to
// each other and die, for so long. A few survive: at the end they hold still with what they then
// have, it says "ready", and all wait until the input ends.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)
#define PAGE 4096UL
#define SURVIVORS 8
#define AT_ONCE 200
#define SLOTS 40

// What all processes see.
static struct { int stop, settled, alive; } *common;
static int mailbox[2];
static uint64_t state;
// 0 is none: that descriptor is the input.
static int fds[SLOTS];
static struct { char *at; size_t length; } ranges[SLOTS];

static uint64_t below(uint64_t limit) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % limit;
}

static void keep(int fd) {
    // A full table or a full host: others go on.
    if (fd < 0) return;
    size_t slot = below(SLOTS);
    if (fds[slot]) close(fds[slot]);
    fds[slot] = fd;
}

static void post(int fd) {
    char space[CMSG_SPACE(sizeof fd)] = {0}, byte = 0;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = space,
                             .msg_controllen = sizeof space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    sendmsg(mailbox[0], &message, MSG_DONTWAIT);
}

static void fetch(void) {
    char space[CMSG_SPACE(sizeof(int))] = {0}, byte;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = space,
                             .msg_controllen = sizeof space};
    if (recvmsg(mailbox[1], &message, MSG_DONTWAIT) != 1) return;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int fd;
    if (!head || head->cmsg_type != SCM_RIGHTS) return;
    memcpy(&fd, CMSG_DATA(head), sizeof fd);
    keep(fd);
}

static void map(void) {
    size_t slot = below(SLOTS), length = (1 + below(16)) * PAGE;
    int flags = (below(3) ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS;
    if (ranges[slot].at) munmap(ranges[slot].at, ranges[slot].length);
    ranges[slot].at = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (ranges[slot].at == MAP_FAILED) ranges[slot].at = NULL;
    ranges[slot].length = length;
}

static void step(void) {
    int pair[2], fd = fds[below(SLOTS)];
    struct epoll_event event = {.events = EPOLLIN};
    switch (below(16)) {
    case 0: keep(socket(AF_INET, SOCK_STREAM, 0)); break;
    case 1: keep(socket(AF_UNIX, SOCK_DGRAM, 0)); break;
    case 2: if (pipe(pair) == 0) keep(pair[0]), keep(pair[1]); break;
    case 3: keep(eventfd(0, 0)); break;
    case 4: keep(timerfd_create(CLOCK_MONOTONIC, 0)); break;
    case 5: keep(memfd_create("tempest", 0)); break;
    case 6: {
        int epoll = epoll_create1(0);
        if (epoll >= 0 && fd) epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        keep(epoll);
        break;
    }
    case 7: keep(open("/", O_RDONLY)); break;
    case 8: if (fd) keep(dup(fd)); break;
    case 9: if (fd) post(fd); break;
    case 10: fetch(); break;
    default: map();
    }
}

static void quit(void) {
    if (below(4) == 0) kill(getpid(), SIGKILL);
    _exit(0);
}

// A new process, counted; 0 in the new one.
static pid_t spawn(void) {
    __atomic_add_fetch(&common->alive, 1, __ATOMIC_RELAXED);
    pid_t pid = fork();
    if (pid < 0) __atomic_sub_fetch(&common->alive, 1, __ATOMIC_RELAXED);
    if (pid == 0) state ^= (uint64_t)getpid() * 0x9e3779b97f4a7c15;
    return pid;
}

static void churn(void) {
    for (uint64_t left = 100 + below(2000); left > 0 && !common->stop; left--) {
        step();
        if (below(1500) == 0 && common->alive < 2 * AT_ONCE && spawn() == 0) {
            for (int i = 0; i < 50; i++) step();
            quit();
        }
    }
    quit();
}

static void hold(void) {
    char byte;
    while (read(0, &byte, 1) == 1) {}
    _exit(0);
}

static void survive(void) {
    while (!common->stop) {
        step();
        // Not all of the host.
        if (below(64) == 0) usleep(1000);
    }
    __atomic_add_fetch(&common->settled, 1, __ATOMIC_RELAXED);
    hold();
}

static void reap(void) {
    while (waitpid(-1, NULL, WNOHANG) > 0) __atomic_sub_fetch(&common->alive, 1, __ATOMIC_RELAXED);
}

int main(int argc, char **argv) {
    char line[3];
    if (argc != 2) return 2;
    MUST(setsid() >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    common = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(common != MAP_FAILED && socketpair(AF_UNIX, SOCK_DGRAM, 0, mailbox) == 0);
    state = 0x9e3779b97f4a7c15;
    MUST(read(0, line, 3) == 3);
    for (int i = 0; i < SURVIVORS; i++) {
        pid_t pid = spawn();
        MUST(pid >= 0);
        if (pid == 0) survive();
    }
    time_t end = time(NULL) + atol(argv[1]);
    while (time(NULL) < end) {
        for (int i = 0; i < 20 && common->alive < SURVIVORS + AT_ONCE; i++)
            if (spawn() == 0) churn();
        step();
        reap();
        usleep(1000);
    }
    common->stop = 1;
    while (common->settled < SURVIVORS || common->alive > SURVIVORS) {
        reap();
        usleep(10000);
    }
    MUST(write(1, "ready\n", 6) == 6);
    hold();
}
