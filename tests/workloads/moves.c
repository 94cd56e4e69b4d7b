// moves: holds 300 mappings in 1000 places and moves them from place to place, up and down, from one
// line on stdin to the next; then says "ready" and holds still.
#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define PLACES 1000
#define HELD 300
#define PLACE (4 * PAGE)

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t below(uint64_t limit) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % limit;
}

int main(void) {
    char byte[3];
    char *arena = mmap(NULL, PLACES * PLACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED || munmap(arena, PLACES * PLACE)) return 1;
    size_t held[HELD], length[HELD];
    char taken[PLACES] = {0};
    for (size_t i = 0; i < HELD; i++) {
        held[i] = i * 3, length[i] = (1 + i % 3) * PAGE, taken[i * 3] = 1;
        int kind = (i % 2 ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED;
        if (mmap(arena + held[i] * PLACE, length[i], PROT_READ, kind, -1, 0) == MAP_FAILED) return 1;
    }
    if (read(0, byte, 3) != 3) return 1;
    struct pollfd input = {.fd = 0, .events = POLLIN};
    for (unsigned step = 0; step % 64 || poll(&input, 1, 0) == 0; step++) {
        // Bursts: faster than a reading, slower than what the agent promises to keep up with.
        if (step % 64 == 0) usleep(200);
        size_t i = below(HELD), to = below(PLACES);
        if (taken[to]) continue;
        char *at = mremap(arena + held[i] * PLACE, length[i], length[i],
                          MREMAP_MAYMOVE | MREMAP_FIXED, arena + to * PLACE);
        if (at == MAP_FAILED) abort();
        taken[held[i]] = 0, taken[to] = 1, held[i] = to;
    }
    if (read(0, byte, 3) != 3 || write(1, "ready\n", 6) != 6) return 1;
    while (read(0, byte, 1) == 1) {}
    return 0;
}
