// hoard FILE ANON FILE_SIZE SEGMENT (sizes in MiB): after each line it reads, it takes so much
// anonymous memory, so large a file (FILE, in a tmpfs) and a System V segment that nobody has
// attached, and says "taken"; after the next it gives all of it back, and says "given back". Ends with its
// input. A child of it removes the file and the segment also where it is killed.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define MIB (1UL << 20)
#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)

static char block[MIB];

// Asked for, but not there until it is written to.
static int new_segment(size_t length) {
    int id = shmget(IPC_PRIVATE, length, IPC_CREAT | 0600);
    MUST(id >= 0);
    return id;
}

static void keeper(int end, int id, const char *path) {
    char byte;
    // The end of whoever holds the other end of the pipe.
    while (read(end, &byte, 1) == 1) {}
    shmctl(id, IPC_RMID, NULL);
    unlink(path);
    _exit(0);
}

// Waits until all that must be given back is known to a child that will do it, whatever happens.
static int guard(int id, const char *path) {
    int ends[2];
    MUST(pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        setsid();
        close(ends[1]);
        keeper(ends[0], id, path);
    }
    close(ends[0]);
    return ends[1];
}

static char *take(int id, const char *path, size_t anon, size_t file, size_t segment) {
    char *at = mmap(NULL, anon, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(at != MAP_FAILED);
    memset(at, 1, anon);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0);
    for (size_t done = 0; done < file; done += MIB) MUST(write(fd, block, MIB) == (ssize_t)MIB);
    MUST(close(fd) == 0);
    char *shared = shmat(id, NULL, 0);
    MUST(shared != (char *)-1);
    memset(shared, 1, segment);
    MUST(shmdt(shared) == 0);
    return at;
}

static int wait_for_line(void) {
    char byte = 0;
    while (read(0, &byte, 1) == 1 && byte != '\n') {}
    return byte == '\n';
}

static void say(const char *word) { MUST(write(1, word, strlen(word)) == (ssize_t)strlen(word)); }

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    size_t anon = strtoul(argv[2], NULL, 10) * MIB, file = strtoul(argv[3], NULL, 10) * MIB;
    size_t segment = strtoul(argv[4], NULL, 10) * MIB;
    while (wait_for_line()) {
        int id = new_segment(segment), end = guard(id, argv[1]);
        char *at = take(id, argv[1], anon, file, segment);
        say("taken\n");
        if (!wait_for_line()) break;
        MUST(munmap(at, anon) == 0 && unlink(argv[1]) == 0 && shmctl(id, IPC_RMID, NULL) == 0);
        close(end);
        say("given back\n");
    }
    return 0;
}
