// kinds DIR: makes every call that makes, copies, sets or gives back a descriptor, timer, socket, watch
// or shared segment, in every form, in the main thread, in another thread and in a forked child,
// with plain files opened and closed between. Each call's own outcome is asserted.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)
// A call that makes a descriptor, and one that must fail in one way.
#define MAKE(call) ({ int made_ = (int)(call); if (made_ < 0) { perror(#call); abort(); } made_; })
#define FAIL(call, error) MUST((call) == -1 && errno == (error))
#define SYS(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define NOWHERE 999

static const char *dir;

static void plain(void) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/plain", dir);
    int file = MAKE(open(path, O_RDWR | O_CREAT, 0600));
    MUST(close(file) == 0);
    int directory = MAKE(open(dir, O_RDONLY | O_DIRECTORY));
    MUST(close(directory) == 0);
}

static void copies(void) {
    int pair[2], plain_fd = MAKE(open("/proc/self/stat", O_RDONLY));
    MUST(pipe(pair) == 0);
    int one = MAKE(SYS(dup, pair[0]));
    int two = MAKE(fcntl(pair[1], F_DUPFD, 50));
    int three = MAKE(fcntl(one, F_DUPFD_CLOEXEC, 60));
    MUST(two >= 50 && three >= 60);
#ifdef SYS_dup2
    MUST(SYS(dup2, pair[0], 70) == 70);
    // Onto something that lives, and onto itself.
    MUST(SYS(dup2, pair[1], 70) == 70);
    MUST(SYS(dup2, 70, 70) == 70);
    FAIL(SYS(dup2, NOWHERE, 71), EBADF);
    FAIL(SYS(dup2, NOWHERE, NOWHERE), EBADF);
#endif
    MUST(SYS(dup3, pair[0], 72, O_CLOEXEC) == 72);
    MUST(SYS(dup3, pair[1], 72, 0) == 72);
    MUST(SYS(dup3, plain_fd, 72, 0) == 72);
    FAIL(SYS(dup3, 72, 72, 0), EINVAL);
    FAIL(SYS(dup, NOWHERE), EBADF);
    FAIL(fcntl(NOWHERE, F_DUPFD, 0), EBADF);
    FAIL(fcntl(one, F_DUPFD, INT_MAX), EINVAL);
    MUST(fcntl(one, F_GETFD) == 0);
    FAIL(SYS(close, NOWHERE), EBADF);
    MUST(SYS(close, 72) == 0 && SYS(close, plain_fd) == 0);
#ifdef SYS_dup2
    MUST(SYS(close, 70) == 0);
#endif
    MUST(close(one) == 0 && close(two) == 0 && close(three) == 0);
    MUST(close(pair[0]) == 0 && close(pair[1]) == 0);
    plain();
}

static void streams(void) {
    int pair[2];
    char path[PATH_MAX];
#ifdef SYS_pipe
    MUST(SYS(pipe, pair) == 0);
    MUST(close(pair[1]) == 0 && close(pair[0]) == 0);
    MUST(close(MAKE(SYS(eventfd, 7))) == 0);
#endif
    MUST(SYS(pipe2, pair, O_CLOEXEC | O_NONBLOCK) == 0);
    MUST(close(pair[0]) == 0 && close(pair[1]) == 0);
    FAIL(SYS(pipe2, pair, 1), EINVAL);
    MUST(close(MAKE(SYS(eventfd2, 0, O_CLOEXEC))) == 0);
    FAIL(SYS(eventfd2, 0, 3), EINVAL);
    snprintf(path, sizeof path, "%s/fifo", dir);
    MUST(mkfifo(path, 0600) == 0);
    MUST(close(MAKE(open(path, O_RDWR))) == 0);
    MUST(unlink(path) == 0);
    MUST(close(MAKE(open("/dev/null", O_RDWR))) == 0);
    MUST(close(MAKE(SYS(memfd_create, "kinds", 1))) == 0);
    FAIL(SYS(memfd_create, "kinds", 0x80000000), EINVAL);
    MUST(close(MAKE(SYS(pidfd_open, getpid(), 0))) == 0);
    FAIL(SYS(pidfd_open, -1, 0), EINVAL);
    sigset_t set;
    MUST(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0);
#ifdef SYS_signalfd
    int old = MAKE(SYS(signalfd, -1, &set, 8));
    MUST(SYS(signalfd, old, &set, 8) == old);
    MUST(close(old) == 0);
#endif
    int signals = MAKE(SYS(signalfd4, -1, &set, 8, O_CLOEXEC));
    MUST(SYS(signalfd4, signals, &set, 8, 0) == signals);
    FAIL(SYS(signalfd4, -1, &set, 8, 1), EINVAL);
    MUST(close(signals) == 0);
    // Both may be refused to everybody; the test knows by what the witness saw.
    int faults = SYS(userfaultfd, O_CLOEXEC);
    if (faults >= 0) MUST(close(faults) == 0);
    struct io_uring_params parameters = {0};
    int ring = SYS(io_uring_setup, 4, &parameters);
    if (ring >= 0) MUST(close(ring) == 0);
    plain();
}

static void watches(void) {
    struct epoll_event event = {.events = EPOLLIN};
    int target = MAKE(SYS(eventfd2, 0, 0)), epoll = MAKE(SYS(epoll_create1, EPOLL_CLOEXEC));
    FAIL(SYS(epoll_create1, 1), EINVAL);
    MUST(SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, target, &event) == 0);
    event.events = EPOLLOUT;
    MUST(SYS(epoll_ctl, epoll, EPOLL_CTL_MOD, target, &event) == 0);
    FAIL(SYS(epoll_ctl, epoll, EPOLL_CTL_ADD, target, &event), EEXIST);
    MUST(SYS(epoll_ctl, epoll, EPOLL_CTL_DEL, target, &event) == 0);
    FAIL(SYS(epoll_ctl, epoll, EPOLL_CTL_DEL, target, &event), ENOENT);
    MUST(close(epoll) == 0 && close(target) == 0);
#ifdef SYS_epoll_create
    MUST(close(MAKE(SYS(epoll_create, 1))) == 0);
    FAIL(SYS(epoll_create, 0), EINVAL);
    MUST(close(MAKE(SYS(inotify_init))) == 0);
#endif
    int inotify = MAKE(SYS(inotify_init1, IN_CLOEXEC));
    FAIL(SYS(inotify_init1, 1), EINVAL);
    int watch = MAKE(SYS(inotify_add_watch, inotify, dir, IN_DELETE_SELF));
    // The same file again is the same watch.
    MUST(SYS(inotify_add_watch, inotify, dir, IN_MOVE_SELF) == watch);
    MAKE(SYS(inotify_add_watch, inotify, "/", IN_DELETE_SELF));
    FAIL(SYS(inotify_add_watch, inotify, "/no/such/file", IN_DELETE_SELF), ENOENT);
    MUST(SYS(inotify_rm_watch, inotify, watch) == 0);
    MUST(close(inotify) == 0);
    plain();
}

static int tcp(void) { return MAKE(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

static void sockets(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t length = sizeof address;
    int pair[2], listener = tcp(), clients[3];
    MUST(bind(listener, any, length) == 0 && listen(listener, 8) == 0);
    FAIL(bind(listener, any, length), EINVAL);
    MUST(getsockname(listener, any, &length) == 0);
    for (int i = 0; i < 3; i++) {
        clients[i] = tcp();
        MUST(connect(clients[i], any, length) == 0);
    }
#ifdef SYS_accept
    int first = MAKE(SYS(accept, listener, NULL, NULL));
    FAIL(SYS(accept, clients[0], NULL, NULL), EINVAL);
#else
    int first = MAKE(SYS(accept4, listener, NULL, NULL, 0));
#endif
    int second = MAKE(SYS(accept4, listener, NULL, NULL, SOCK_CLOEXEC));
    FAIL(SYS(accept4, listener, NULL, NULL, 1), EINVAL);
    MUST(shutdown(first, SHUT_WR) == 0 && shutdown(second, SHUT_RDWR) == 0);
    FAIL(shutdown(listener, 9), EINVAL);
    FAIL(shutdown(NOWHERE, SHUT_RD), EBADF);
    MUST(close(first) == 0 && close(listener) == 0);
    // Nobody listens there any more.
    int refused = tcp();
    FAIL(connect(refused, any, length), ECONNREFUSED);
    MUST(close(refused) == 0 && close(second) == 0);
    for (int i = 0; i < 3; i++) MUST(close(clients[i]) == 0);
    int datagram = MAKE(socket(AF_INET6, SOCK_DGRAM, 0)), local = MAKE(socket(AF_UNIX, SOCK_STREAM, 0));
    FAIL(listen(datagram, 1), EOPNOTSUPP);
    MUST(listen(local, 1) == -1);
    int netlink = MAKE(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 0));
    FAIL(socket(AF_INET, 99, 0), EINVAL);
    FAIL(socket(12345, SOCK_STREAM, 0), EAFNOSUPPORT);
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    // A failure may leave numbers behind.
    int unused[2];
    FAIL(socketpair(AF_INET, SOCK_STREAM, 0, unused), EOPNOTSUPP);
    MUST(close(pair[0]) == 0 && close(pair[1]) == 0);
    MUST(close(datagram) == 0 && close(local) == 0 && close(netlink) == 0);
    plain();
}

static void timers(void) {
    struct sigevent silent = {.sigev_notify = SIGEV_NONE};
    struct itimerspec once = {.it_value = {1000, 5}}, often = {{500, 7}, {1000, 0}}, never = {0};
    int timer, other;
    MUST(SYS(timer_create, CLOCK_MONOTONIC, &silent, &timer) == 0);
    MUST(SYS(timer_create, CLOCK_REALTIME, &silent, &other) == 0);
    FAIL(SYS(timer_create, 99, &silent, &other), EINVAL);
    MUST(SYS(timer_settime, timer, 0, &once, NULL) == 0);
    MUST(SYS(timer_settime, other, 0, &often, NULL) == 0);
    FAIL(SYS(timer_settime, 123456, 0, &once, NULL), EINVAL);
    MUST(SYS(timer_settime, timer, 0, &never, NULL) == 0);
    MUST(SYS(timer_delete, timer) == 0 && SYS(timer_delete, other) == 0);
    struct itimerval slow = {{60, 3}, {1000, 5}}, off = {0};
    for (int which = 0; which <= 2; which++) {
        MUST(SYS(setitimer, which, &slow, NULL) == 0);
        MUST(SYS(setitimer, which, &off, NULL) == 0);
    }
    FAIL(SYS(setitimer, 9, &off, NULL), EINVAL);
#ifdef SYS_alarm
    MUST(SYS(alarm, 1000) == 0);
    MUST(SYS(alarm, 0) > 900);
#endif
    int fd = MAKE(SYS(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC));
    FAIL(SYS(timerfd_create, 99, 0), EINVAL);
    MUST(SYS(timerfd_settime, fd, 0, &often, NULL) == 0);
    MUST(SYS(timerfd_settime, fd, 0, &never, NULL) == 0);
    FAIL(SYS(timerfd_settime, 0, 0, &never, NULL), EINVAL);
    MUST(close(fd) == 0);
}

static void segments(void) {
    int id = MAKE(shmget(IPC_PRIVATE, 12345, IPC_CREAT | 0600));
    char *at = shmat(id, NULL, 0), *again = shmat(id, NULL, SHM_RDONLY);
    MUST(at != (char *)-1 && again != (char *)-1);
    struct shmid_ds about;
    MUST(shmctl(id, IPC_STAT, &about) == 0);
    MUST(shmctl(id, IPC_RMID, NULL) == 0);
    FAIL(shmctl(-1, IPC_RMID, NULL), EINVAL);
    FAIL(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
    MUST(shmat(-1, NULL, 0) == (void *)-1);
    MUST(shmdt(at) == 0 && shmdt(again) == 0);
    aio_context_t context = 0;
    MUST(SYS(io_setup, 16, &context) == 0);
    MUST(SYS(io_destroy, context) == 0);
    context = 0;
    FAIL(SYS(io_setup, 0, &context), EINVAL);
}

static void ranges(void) {
    for (unsigned flags = 0; flags <= 4; flags += 4) {
        int pair[2];
        MUST(pipe(pair) == 0);
        MUST(SYS(close_range, pair[0], pair[1], flags) == 0);
    }
    // Nothing is there.
    MUST(SYS(close_range, 900, 950, 0) == 0);
    FAIL(SYS(close_range, 7, 6, 0), EINVAL);
}

static void *all(void *unused) {
    copies(), streams(), watches(), sockets(), timers(), segments(), ranges();
    return unused;
}

// Leaves the table it shares with the other threads, twice; the second time there is nothing to leave.
static void *leave(void *unused) {
    MUST(unshare(CLONE_FILES) == 0 && unshare(CLONE_FILES) == 0);
    MUST(SYS(close_range, 3, ~0U, 2) == 0);
    copies();
    return unused;
}

static void thread(void *(*body)(void *)) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, body, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    dir = argv[1];
    all(NULL);
    thread(all);
    thread(leave);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        all(NULL);
        // Not in the parent: its other thread's end would not be the end of the table.
        MUST(SYS(close_range, 3, ~0U, 2) == 0);
        _exit(4);
    }
    MUST(waitpid(pid, NULL, 0) == pid);
    return 11;
}
