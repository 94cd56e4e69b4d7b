// holder SEED JSON MAPS: makes a random set of everything a process can hold, gives back a random
// part, writes what it then holds, as one JSON object, to the file JSON and its maps to the file
// MAPS, says "ready" and kills itself. What it holds is counted from /proc/self and by asking the
// kernel about each descriptor, after the last change; nothing allocates from then on.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define MOST 500
#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)

static uint64_t state;
static int fds[MOST], epolls[MOST], inotifies[MOST], timers[MOST];
static size_t count, epoll_count, inotify_count, timer_count, segment_count, range_count;
static void *segments[MOST];
static struct { char *at; size_t length; } ranges[MOST];
static const char *places[] = {"/", "/tmp", "/usr", "/etc", "/proc", "/dev", "/var", "/sys"};

static uint64_t below(uint64_t limit) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % limit;
}

static int keep(int fd) {
    MUST(fd >= 0 && count < MOST);
    return fds[count++] = fd;
}

static int any(void) { return fds[below(count)]; }

static int listener(struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    MUST(fd >= 0 && bind(fd, (struct sockaddr *)address, length) == 0 && listen(fd, 16) == 0);
    MUST(getsockname(fd, (struct sockaddr *)address, &length) == 0);
    return fd;
}

static void connections(void) {
    struct sockaddr_in address;
    int server = listener(&address);
    for (uint64_t left = 1 + below(4); left > 0; left--) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        MUST(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
        int accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        MUST(accepted >= 0);
        uint64_t end = below(6);
        // The other end closes, or says that it will write no more.
        if (end == 0) close(client), keep(accepted);
        else if (end == 1) keep(client), close(accepted);
        else {
            if (end == 2) shutdown(client, SHUT_WR);
            keep(client), keep(accepted);
        }
    }
    if (below(2)) keep(server);
    else close(server);
}

static void watch(void) {
    if (epoll_count == 0) return;
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epolls[below(epoll_count)], target = any();
    // Some targets cannot be watched or are already: the kernel says so.
    if (below(5)) epoll_ctl(epoll, EPOLL_CTL_ADD, target, &event);
    else epoll_ctl(epoll, below(2) ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, target, &event);
}

static void watch_file(void) {
    if (inotify_count == 0) return;
    int inotify = inotifies[below(inotify_count)];
    int number = inotify_add_watch(inotify, places[below(8)], IN_DELETE_SELF);
    if (number > 0 && below(4) == 0) inotify_rm_watch(inotify, number);
}

static void timer(void) {
    struct sigevent silent = {.sigev_notify = SIGEV_NONE};
    struct itimerspec often = {{600, 0}, {1000, 0}};
    int id;
    MUST(timer_count < MOST && syscall(SYS_timer_create, CLOCK_MONOTONIC, &silent, &id) == 0);
    if (below(2)) MUST(syscall(SYS_timer_settime, id, 0, &often, NULL) == 0);
    timers[timer_count++] = id;
}

static void interval(void) {
    struct itimerval value = {{0, 0}, {below(2) ? 1000 : 0, 0}};
    if (below(4) == 0) alarm(below(2) * 1000);
    else MUST(setitimer(below(3), &value, NULL) == 0);
}

static void segment(void) {
    int id = shmget(IPC_PRIVATE, (1 + below(9)) * PAGE, IPC_CREAT | 0600);
    MUST(id >= 0);
    void *at = shmat(id, NULL, 0);
    // From here on it lives as long as we do.
    MUST(shmctl(id, IPC_RMID, NULL) == 0 && at != (void *)-1);
    segments[segment_count++] = at;
}

static void map(void) {
    size_t length = (1 + below(40)) * PAGE;
    int file = -1, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    uint64_t kind = below(3);
    if (kind == 1) flags = MAP_SHARED | MAP_ANONYMOUS;
    if (kind == 2) file = open("/proc/self/exe", O_RDONLY), flags = MAP_PRIVATE;
    char *at = mmap(NULL, length, PROT_READ, flags, file, 0);
    MUST(at != MAP_FAILED && range_count < MOST);
    if (file >= 0) close(file);
    ranges[range_count].at = at, ranges[range_count++].length = length;
}

static void make(void) {
    struct itimerspec often = {{600, 0}, {1000, 0}};
    int pair[2];
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR2);
    switch (below(24)) {
    case 0: keep(socket(below(2) ? AF_INET : AF_INET6, SOCK_STREAM, 0)); break;
    case 1: keep(socket(AF_INET, SOCK_DGRAM, 0)); break;
    case 2: keep(socket(AF_UNIX, below(2) ? SOCK_STREAM : SOCK_DGRAM, 0)); break;
    case 3: keep(listener(&(struct sockaddr_in){0})); break;
    case 4: case 5: connections(); break;
    case 6: MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0); keep(pair[0]), keep(pair[1]); break;
    case 7: keep(timerfd_create(CLOCK_MONOTONIC, 0));
            if (below(2)) MUST(timerfd_settime(fds[count - 1], 0, &often, NULL) == 0);
            break;
    case 8: keep(eventfd(0, 0)); break;
    case 9: MUST(pipe(pair) == 0); keep(pair[0]), keep(pair[1]); break;
    case 10: epolls[epoll_count++] = keep(epoll_create1(0)); break;
    case 11: inotifies[inotify_count++] = keep(inotify_init1(0)); break;
    case 12: keep(signalfd(-1, &set, 0)); break;
    case 13: keep(memfd_create("holder", 0)); break;
    case 14: keep(dup(any())); break;
    case 15: keep(fcntl(any(), F_DUPFD_CLOEXEC, 0)); break;
    // Onto something that lives, which is then one of the list twice no longer.
    case 16: dup2(any(), any()); break;
    case 17: keep(open(below(2) ? "/proc/self/exe" : "/usr", O_RDONLY)); break;
    case 18: timer(); break;
    case 19: interval(); break;
    case 20: segment(); break;
    case 21: keep(syscall(SYS_pidfd_open, getpid(), 0)); break;
    case 22: keep(open("/dev/null", O_RDWR)); break;
    default: map();
    }
    for (uint64_t left = below(3); left > 0; left--) watch();
    if (below(3) == 0) watch_file();
}

static void release(void) {
    switch (below(5)) {
    case 0: case 1: if (count > 5) {
        size_t index = below(count);
        close(fds[index]);
        fds[index] = fds[--count];
        break;
    } // fallthrough
    case 2: if (timer_count > 2) {
        size_t index = below(timer_count);
        MUST(syscall(SYS_timer_delete, timers[index]) == 0);
        timers[index] = timers[--timer_count];
    } break;
    case 3: if (segment_count > 1) {
        size_t index = below(segment_count);
        MUST(shmdt(segments[index]) == 0);
        segments[index] = segments[--segment_count];
    } break;
    default: if (range_count > 2) {
        size_t index = below(range_count);
        MUST(munmap(ranges[index].at, ranges[index].length) == 0);
        ranges[index] = ranges[--range_count];
    }
    }
}

// ---- What it holds, without a library that allocates.

enum { PIPES, EVENTFDS, SOCKETS, LISTENERS, TIMERFDS, EPOLLS, INOTIFIES, MEMFDS, OTHER, FILES, OBJECTS,
       EPOLL_WATCHES, INOTIFY_WATCHES, KINDS };
static const char *names[] = {"pipes", "eventfds", "sockets", "listeners", "timerfds", "epolls",
    "inotifies", "memfds", "other_descriptors", "files", "descriptor_objects", "epoll_watches",
    "inotify_watches"};
static const char *states[] = {"", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",
    "time_wait", "close", "close_wait", "last_ack", "listen", "closing"};
static unsigned long held[KINDS], tcp[12];
static int objects[MOST];
static char text[1 << 18];

static size_t slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    MUST(fd >= 0);
    size_t length = 0;
    for (ssize_t got; (got = read(fd, text + length, sizeof text - 1 - length)) > 0; length += got) {}
    MUST(length < sizeof text - 1);
    close(fd);
    text[length] = 0;
    return length;
}

static unsigned long lines(const char *path, const char *start) {
    unsigned long found = 0;
    slurp(path);
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        found += strncmp(line, start, strlen(start)) == 0;
    return found;
}

static void look_at_socket(int fd) {
    int protocol = 0, listens = 0;
    socklen_t length = sizeof protocol;
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
    held[LISTENERS] += listens;
    length = sizeof protocol;
    struct tcp_info info;
    socklen_t size = sizeof info;
    MUST(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0);
    if (protocol != IPPROTO_TCP) return;
    MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state < 12);
    tcp[info.tcpi_state]++;
}

static void look_at(int fd) {
    char path[64], link[256] = {0};
    struct stat about;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    MUST(readlink(path, link, sizeof link - 1) > 0 && fstat(fd, &about) == 0);
    int known = 0;
    for (unsigned long i = 0; i < held[OBJECTS] && !known; i++)
        known = syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, (long)fd, (long)objects[i]) == 0;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int kind = OTHER;
    if (S_ISFIFO(about.st_mode)) kind = PIPES;
    else if (S_ISSOCK(about.st_mode)) kind = SOCKETS, look_at_socket(fd);
    else if (strcmp(link, "anon_inode:[eventfd]") == 0) kind = EVENTFDS;
    else if (strcmp(link, "anon_inode:[timerfd]") == 0) kind = TIMERFDS;
    else if (strcmp(link, "anon_inode:[eventpoll]") == 0) {
        kind = EPOLLS;
        if (!known) held[EPOLL_WATCHES] += lines(path, "tfd:");
    } else if (strcmp(link, "anon_inode:inotify") == 0) {
        kind = INOTIFIES;
        if (!known) held[INOTIFY_WATCHES] += lines(path, "inotify wd:");
    } else if (strncmp(link, "/memfd:", 7) == 0) kind = MEMFDS;
    else if (link[0] == '/') kind = FILES;
    held[kind]++;
    if (kind != FILES && !known) objects[held[OBJECTS]++] = fd;
}

static void look(void) {
    static char entries[1 << 16];
    int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    MUST(dir >= 0);
    static int seen[MOST];
    size_t total = 0;
    for (long got; (got = syscall(SYS_getdents64, dir, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < got;) {
            struct dirent64 *entry = (struct dirent64 *)(entries + at);
            at += entry->d_reclen;
            if (entry->d_name[0] != '.' && atoi(entry->d_name) != dir)
                seen[total++] = atoi(entry->d_name);
            MUST(total < MOST);
        }
    }
    close(dir);
    for (size_t i = 0; i < total; i++) look_at(seen[i]);
}

static void put(const char *path, size_t length) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, text, length) == (ssize_t)length && close(fd) == 0);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    state = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15 + 1;
    for (int i = 0; i < 3; i++) keep(dup(0));
    for (int i = 0; i < 150; i++) {
        make();
        if (i > 30 && below(2)) release();
        if (i == 75) for (int left = 20; left > 0; left--) release();
    }
    for (int left = 30; left > 0; left--) release();
    // The other ends of what was closed hear of it in softirq.
    usleep(200000);
    look();
    unsigned long all = timer_count, posix = lines("/proc/self/timers", "ID: ");
    MUST(posix == timer_count);
    for (int which = 0; which < 3; which++) {
        struct itimerval value;
        MUST(getitimer(which, &value) == 0);
        all += value.it_value.tv_sec || value.it_value.tv_usec;
    }
    size_t length = 0;
    length += sprintf(text, "{\"timers\":%lu,\"shm_segments\":%zu", all, segment_count);
    unsigned long sum = 0;
    for (int i = 0; i < KINDS; i++) {
        length += sprintf(text + length, ",\"%s\":%lu", names[i], held[i]);
        if (i <= FILES && i != LISTENERS) sum += held[i];
    }
    length += sprintf(text + length, ",\"descriptors\":%lu,\"connections\":{", sum);
    for (int i = 1; i < 12; i++)
        length += sprintf(text + length, "%s\"%s\":%lu", i > 1 ? "," : "", states[i], tcp[i]);
    length += sprintf(text + length, "}}\n");
    put(argv[2], length);
    put(argv[3], slurp("/proc/self/maps"));
    if (write(1, "ready\n", 6) != 6) return 1;
    kill(getpid(), SIGKILL);
}
