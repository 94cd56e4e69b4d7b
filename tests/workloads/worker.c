// worker MODE FILE: a program that leaks, one that only works, one that fills up, one that idles.
// After each step it writes into FILE (8 bytes) how much it has ever allocated and kept.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP (100 * 1024)
#define PLATEAU (100 * 1024 * 1024)

static char *volatile kept;

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int progress = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    uint64_t total = 0;
    char *ring[20] = {0};
    for (unsigned step = 0;; step++) {
        size_t length = STEP;
        if (!strcmp(argv[1], "leak")) {
            kept = memset(malloc(length), 1, length);
            total += length;
        } else if (!strcmp(argv[1], "churn")) {
            char **slot = &ring[step % 20];
            free(*slot);
            length += step % 7 * 1000;
            *slot = memset(malloc(length), 1, length);
        } else if (!strcmp(argv[1], "fill") && total < PLATEAU) {
            // 100 MiB in 50 s.
            length = PLATEAU / 500;
            kept = memset(malloc(length), 1, length);
            total += length;
        }
        if (pwrite(progress, &total, sizeof total, 0) != sizeof total) return 1;
        usleep(100 * 1000);
    }
}
