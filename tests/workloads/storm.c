// storm THREADS ROUNDS: waits for a line; threads map and unmap as fast as they can, so that one
// gets what another has just given back; says "ready" and holds still.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define HELD 8

static long rounds;

static void *storm(void *number) {
    struct { char *at; size_t length; } held[HELD] = {0};
    uint64_t state = (uintptr_t)number * 0x9e3779b97f4a7c15 + 1;
    for (long i = 0; i < rounds; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        size_t slot = state % HELD, length = (1 + (state >> 8) % 3) * PAGE;
        if (held[slot].at) munmap(held[slot].at, held[slot].length);
        int kind = (state >> 16) % 4 ? MAP_PRIVATE : MAP_SHARED;
        char *at = mmap(NULL, length, PROT_READ, kind | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) abort();
        held[slot].at = at, held[slot].length = length;
    }
    return NULL;
}

int main(int argc, char **argv) {
    char byte;
    if (argc != 3 || read(0, &byte, 1) != 1) return 2;
    long count = atol(argv[1]);
    rounds = atol(argv[2]);
    pthread_t threads[64];
    for (long i = 0; i < count && i < 64; i++)
        if (pthread_create(&threads[i], NULL, storm, (void *)(i + 1))) return 1;
    for (long i = 0; i < count && i < 64; i++) pthread_join(threads[i], NULL);
    if (write(1, "ready\n", 6) != 6) return 1;
    while (read(0, &byte, 1) == 1) {}
    return 0;
}
