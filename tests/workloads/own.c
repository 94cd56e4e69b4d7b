// own CASE: waits for a line, does one thing that decides who owns what, says "ready" and holds
// still until its input ends; so does every process it makes. All are of its session.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)
#define MAKE(call) ({ int made_ = (int)(call); if (made_ < 0) { perror(#call); abort(); } made_; })
#define STACK (1 << 16)

static void hold(void) {
    char byte;
    while (read(0, &byte, 1) == 1) {}
    _exit(0);
}

static void ready(void) {
    MUST(write(1, "ready\n", 6) == 6);
    hold();
}

// A bit of everything that events tell.
static void make(void) {
    int pair[2];
    struct epoll_event event = {.events = EPOLLIN};
    MUST(pipe2(pair, O_CLOEXEC) == 0 && pipe(pair) == 0);
    int target = MAKE(eventfd(0, 0)), epoll = MAKE(epoll_create1(0));
    MAKE(eventfd(0, EFD_CLOEXEC));
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, target, &event) == 0);
    int inotify = MAKE(inotify_init1(0));
    MAKE(inotify_add_watch(inotify, "/", IN_DELETE_SELF));
    MAKE(socket(AF_INET, SOCK_STREAM, 0));
    MAKE(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    MAKE(timerfd_create(CLOCK_MONOTONIC, 0));
    MAKE(memfd_create("own", 0));
    MAKE(open("/", O_RDONLY));
}

static int posix_timer(void) {
    struct sigevent silent = {.sigev_notify = SIGEV_NONE};
    int id;
    MUST(syscall(SYS_timer_create, CLOCK_MONOTONIC, &silent, &id) == 0);
    return id;
}

static void itimer(void) {
    struct itimerval slow = {{0, 0}, {1000, 0}};
    MUST(setitimer(ITIMER_REAL, &slow, NULL) == 0);
}

static pid_t child(void) {
    pid_t pid = fork();
    MUST(pid >= 0);
    return pid;
}

// What a child does before its parent goes on: the child says so here.
static int turn[2];
static void tell(void) { MUST(write(turn[1], "x", 1) == 1); }
static void await(void) { char byte; MUST(read(turn[0], &byte, 1) == 1); }

static void become(const char *what) {
    execl("/proc/self/exe", "own", what, (char *)NULL);
    abort();
}

static void *pausing(void *unused) {
    tell();
    for (;;) pause();
    return unused;
}

static void *executing(void *unused) {
    become("+ready");
    return unused;
}

static void *finishing(void *unused) {
    // The leader is gone once it is a zombie.
    char text[512] = "";
    do {
        usleep(1000);
        int stat = MAKE(open("/proc/self/stat", O_RDONLY));
        MUST(read(stat, text, sizeof text - 1) > 0 && close(stat) == 0);
    } while (!strstr(text, ") Z "));
    make();
    ready();
    return unused;
}

static void thread(void *(*body)(void *)) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, body, NULL) == 0);
}

static char stacks[2][STACK] __attribute__((aligned(16)));

static pid_t cloned(int (*body)(void *), int flags, int which) {
    return MAKE(clone(body, stacks[which] + STACK, flags | SIGCHLD, NULL));
}

static int sharing(void *unused) {
    (void)unused;
    make();
    MUST(close(MAKE(eventfd(0, 0))) == 0);
    tell();
    hold();
    return 0;
}

static int leaving(void *unused) {
    (void)unused;
    make();
    MUST(unshare(CLONE_FILES) == 0);
    // The other table does not see these.
    make();
    MUST(close(3) == 0);
    tell();
    hold();
    return 0;
}

// ---- The cases.

static void case_fork(void) {
    make();
    int fd = MAKE(eventfd(0, 0));
    if (child() == 0) {
        make(), close(fd), tell(), hold();
    }
    await();
    MUST(close(MAKE(dup(fd))) == 0);
    make();
}

static void case_vfork_exec(void) {
    make();
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "own", "+hold", (char *)NULL);
        _exit(1);
    }
    make();
}

static void case_threads(void) {
    thread(pausing), thread(pausing);
    await(), await();
    make();
}

static void case_clone_files(void) {
    make();
    cloned(sharing, CLONE_FILES, 0);
    await();
    MAKE(eventfd(0, 0));
}

static void case_unshare(void) {
    make();
    cloned(leaving, CLONE_FILES, 0);
    await();
    MAKE(eventfd(0, 0));
}

// With memory shared too: one address space, two tables.
static void case_clone_vm(void) {
    make();
    cloned(sharing, CLONE_VM, 0);
    await();
}

static void case_close_range(void) {
    int first = MAKE(eventfd(0, 0));
    make();
    int last = MAKE(dup(first));
    make();
    MUST(syscall(SYS_close_range, first + 2, last, 0) == 0);
}

static int closing_unshared(void *unused) {
    (void)unused;
    MUST(syscall(SYS_close_range, turn[1] + 1, ~0U, 2) == 0);
    MAKE(eventfd(0, 0));
    tell();
    hold();
    return 0;
}

static void case_close_range_unshare(void) {
    make();
    cloned(closing_unshared, CLONE_FILES, 0);
    await();
    make();
}

static void case_close_range_cloexec(void) {
    make();
    MUST(syscall(SYS_close_range, 8, ~0U, 4) == 0);
    if (child() == 0) become("+hold");
}

static void case_exec(void) {
    make(), posix_timer();
    become("+ready");
}

static void case_exec_by_thread(void) {
    make();
    thread(pausing);
    await();
    thread(executing);
    for (;;) pause();
}

static void case_dead_leader(void) {
    make();
    thread(finishing);
    pthread_exit(NULL);
}

static void case_dup(void) {
    int pair[2], event = MAKE(eventfd(0, 0));
    MUST(pipe(pair) == 0);
    MAKE(dup(event));
    MUST(MAKE(fcntl(pair[0], F_DUPFD, 40)) >= 40);
    MUST(MAKE(fcntl(event, F_DUPFD_CLOEXEC, 50)) >= 50);
    MUST(dup2(pair[1], 60) == 60);
    MUST(dup3(event, 61, O_CLOEXEC) == 61);
    // Onto what lives: a pipe becomes an eventfd, an eventfd a file, a file a pipe.
    int file = MAKE(open("/", O_RDONLY));
    MUST(dup2(event, 60) == 60 && dup2(file, 61) == 61);
    MUST(dup2(pair[0], file) == file);
    MUST(dup2(60, 60) == 60);
    MUST(dup2(999, 60) == -1 && dup3(60, 60, 0) == -1);
}

static void send_descriptor(int socket, int fd) {
    char space[CMSG_SPACE(sizeof fd)] = {0}, byte = 0;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = space,
                             .msg_controllen = sizeof space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    MUST(sendmsg(socket, &message, 0) == 1);
}

static void receive_descriptor(int socket) {
    char space[CMSG_SPACE(sizeof(int))] = {0}, byte;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = space,
                             .msg_controllen = sizeof space};
    MUST(recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message));
}

static void case_scm_rights(void) {
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    if (child() == 0) {
        for (int i = 0; i < 5; i++) receive_descriptor(pair[1]);
        tell(), hold();
    }
    for (int i = 0; i < 5; i++) {
        int fd = MAKE(i % 2 ? eventfd(0, 0) : timerfd_create(CLOCK_MONOTONIC, 0));
        send_descriptor(pair[0], fd);
        close(fd);
    }
    await();
}

static void case_pidfd_getfd(void) {
    int event = MAKE(eventfd(0, 0));
    pid_t parent = getpid();
    if (child() == 0) {
        close(event);
        int pidfd = MAKE(syscall(SYS_pidfd_open, parent, 0));
        MAKE(syscall(SYS_pidfd_getfd, pidfd, event, 0));
        tell(), hold();
    }
    await();
}

static void case_io_uring(void) {
    struct io_uring_params about = {0};
    int ring = syscall(SYS_io_uring_setup, 4, &about);
    if (ring < 0) {
        // The test prints it.
        MUST(write(1, "refused\n", 8) == 8);
        hold();
    }
    size_t length = about.sq_off.array + about.sq_entries * sizeof(unsigned);
    char *queue = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, about.sq_entries * sizeof *entries,
        PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    MUST(queue != MAP_FAILED && entries != MAP_FAILED);
    unsigned *array = (unsigned *)(queue + about.sq_off.array);
    memset(entries, 0, 3 * sizeof *entries);
    // Sockets and a file that no system call of their own makes.
    for (int i = 0; i < 3; i++) array[i] = i;
    entries[0].opcode = entries[1].opcode = IORING_OP_SOCKET;
    entries[0].fd = entries[1].fd = AF_INET, entries[0].off = entries[1].off = SOCK_STREAM;
    entries[2].opcode = IORING_OP_OPENAT, entries[2].fd = AT_FDCWD;
    entries[2].addr = (uintptr_t)"/", entries[2].open_flags = O_RDONLY;
    __atomic_store_n((unsigned *)(queue + about.sq_off.tail), 3, __ATOMIC_RELEASE);
    MUST(syscall(SYS_io_uring_enter, ring, 3, 3, IORING_ENTER_GETEVENTS, NULL, 0) == 3);
}

static void case_timers(void) {
    posix_timer(), posix_timer(), itimer();
    if (child() == 0) {
        posix_timer(), tell(), hold();
    }
    await();
    MUST(syscall(SYS_timer_delete, posix_timer()) == 0);
}

static void case_timers_exec(void) {
    posix_timer(), posix_timer(), itimer();
    become("+ready");
}

static void case_epoll(void) {
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = MAKE(epoll_create1(0)), gone = MAKE(eventfd(0, 0)), kept = MAKE(eventfd(0, 0));
    int copied = MAKE(eventfd(0, 0));
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, gone, &event) == 0);
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, kept, &event) == 0);
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, copied, &event) == 0);
    // This one has no other descriptor: its watch goes.
    MUST(close(gone) == 0);
    MAKE(dup(copied));
    MUST(close(copied) == 0);
    if (child() == 0) {
        close(epoll), tell(), hold();
    }
    await();
    // This one has one in the child: its watch stays.
    MUST(close(kept) == 0);
}

static void case_inotify(void) {
    int one = MAKE(inotify_init1(0)), other = MAKE(inotify_init1(0));
    int watch = MAKE(inotify_add_watch(one, "/", IN_DELETE_SELF));
    MAKE(inotify_add_watch(one, "/usr", IN_DELETE_SELF));
    MUST(inotify_add_watch(one, "/", IN_MOVE_SELF) == watch);
    MAKE(inotify_add_watch(one, "/tmp", IN_DELETE_SELF));
    MAKE(inotify_add_watch(other, "/", IN_DELETE_SELF));
    MUST(inotify_rm_watch(one, watch) == 0);
    MUST(close(other) == 0);
}

// The kernel ends a watch with its file, and one for a single event with that.
static void case_inotify_gone(void) {
    char gone[] = "/tmp/own-XXXXXX", once[] = "/tmp/own-XXXXXX";
    int inotify = MAKE(inotify_init1(0));
    MUST(close(MAKE(mkstemp(gone))) == 0 && close(MAKE(mkstemp(once))) == 0);
    MAKE(inotify_add_watch(inotify, gone, IN_DELETE_SELF));
    MAKE(inotify_add_watch(inotify, once, IN_OPEN | IN_ONESHOT));
    MAKE(inotify_add_watch(inotify, "/", IN_DELETE_SELF));
    MUST(close(MAKE(open(once, O_RDONLY))) == 0 && unlink(once) == 0 && unlink(gone) == 0);
}

static void case_memfd(void) {
    int memfd = MAKE(memfd_create("own", 0));
    MUST(ftruncate(memfd, 1 << 20) == 0);
    char *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    MUST(at != MAP_FAILED && munmap(at, 1 << 20) == 0);
    // And the other way round.
    int other = MAKE(memfd_create("other", 0));
    MUST(ftruncate(other, 1 << 16) == 0);
    MUST(mmap(NULL, 1 << 16, PROT_READ, MAP_SHARED, other, 0) != MAP_FAILED && close(other) == 0);
}

static void case_segment(void) {
    int lone = MAKE(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
    int used = MAKE(shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600));
    MUST(shmat(used, NULL, 0) != (void *)-1 && shmctl(used, IPC_RMID, NULL) == 0);
    if (child() == 0) {
        tell(), hold();
    }
    await();
    MUST(write(1, "ready\n", 6) == 6);
    char byte;
    while (read(0, &byte, 1) == 1) {}
    // Nobody has it attached, so it would outlive us.
    MUST(shmctl(lone, IPC_RMID, NULL) == 0);
    _exit(0);
}

static void case_zombies(void) {
    for (int i = 0; i < 3; i++) {
        pid_t pid = child();
        if (pid == 0) make(), _exit(i);
        siginfo_t info;
        MUST(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
    }
    pid_t waited = child();
    if (waited == 0) _exit(0);
    MUST(waitpid(waited, NULL, 0) == waited);
    if (child() == 0) {
        tell(), hold();
    }
    await();
}

static void case_orphan(void) {
    pid_t middle = child();
    if (middle == 0) {
        pid_t old = getpid();
        if (child() == 0) {
            make();
            // Until somebody else is its parent.
            while (getppid() == old) usleep(1000);
            tell(), hold();
        }
        _exit(0);
    }
    MUST(waitpid(middle, NULL, 0) == middle);
    await();
    make();
}

static const struct { const char *name; void (*run)(void); } cases[] = {
    {"fork", case_fork}, {"vfork_exec", case_vfork_exec}, {"threads", case_threads},
    {"clone_files", case_clone_files}, {"unshare", case_unshare}, {"clone_vm", case_clone_vm},
    {"close_range", case_close_range}, {"close_range_unshare", case_close_range_unshare},
    {"close_range_cloexec", case_close_range_cloexec}, {"exec", case_exec},
    {"exec_by_thread", case_exec_by_thread}, {"dead_leader", case_dead_leader}, {"dup", case_dup},
    {"scm_rights", case_scm_rights}, {"pidfd_getfd", case_pidfd_getfd}, {"io_uring", case_io_uring},
    {"timers", case_timers}, {"timers_exec", case_timers_exec}, {"epoll", case_epoll},
    {"inotify", case_inotify}, {"inotify_gone", case_inotify_gone}, {"memfd", case_memfd},
    {"segment", case_segment}, {"zombies", case_zombies}, {"orphan", case_orphan},
};

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    // What a case has become.
    if (strcmp(argv[1], "+hold") == 0) hold();
    if (strcmp(argv[1], "+ready") == 0) ready();
    char line[3];
    // The input is shared: all of the line, and nothing more.
    MUST(setsid() >= 0 && pipe(turn) == 0 && read(0, line, 3) == 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(cases[i].name, argv[1]) == 0) {
            cases[i].run();
            ready();
        }
    }
    return 2;
}
