// maps SEED OPERATIONS [fork]: waits for a line, changes its address space at random in every way it
// can, says "ready" and holds still. With "fork" a child goes on from half-way, in its own way. What it holds, /proc/PID/maps tells; it keeps only enough books to
// pick places worth changing. No malloc once it runs: the heap is moved with sbrk.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MOST 400

struct range { char *at; size_t length; };

static struct range held[MOST];
static size_t count;
static uint64_t state;
static int file, memfd;

static uint64_t below(uint64_t limit) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % limit;
}

static size_t pages(void) { return (1 + below(1UL << below(9))) * PAGE; }

static void hold(char *at, size_t length) {
    if (at == MAP_FAILED || length == 0) return;
    if (count == MOST) munmap(at, length);
    else held[count++] = (struct range){at, length};
}

static struct range take(void) {
    size_t index = below(count);
    struct range range = held[index];
    held[index] = held[--count];
    return range;
}

static char *map_any(char *at, size_t length, int flags) {
    switch (below(8)) {
    case 0: return mmap(at, length, RW, flags | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    case 1: return mmap(at, length, RW, flags | MAP_PRIVATE, file, below(4) * PAGE);
    case 2: return mmap(at, length, RW, flags | MAP_SHARED, file, below(4) * PAGE);
    case 3: return mmap(at, length, RW, flags | MAP_SHARED, memfd, 0);
    case 4: return mmap(at, length, PROT_NONE, flags | ANON | MAP_NORESERVE, -1, 0);
    // A length that is no multiple of a page.
    case 5: return mmap(at, length - below(PAGE), RW, flags | ANON, -1, 0);
    default: return mmap(at, length, RW, flags | ANON, -1, 0);
    }
}

// Something else in the middle, or at the start, or over all of it.
static void overlay(struct range range) {
    size_t all = range.length / PAGE, from = below(all), much = 1 + below(all - from);
    char *at = range.at + from * PAGE;
    if (map_any(at, much * PAGE, MAP_FIXED) == MAP_FAILED) abort();
    hold(range.at, from * PAGE);
    hold(at, much * PAGE);
    hold(at + much * PAGE, range.length - (from + much) * PAGE);
}

static void release_part(struct range range) {
    size_t all = range.length / PAGE, from = below(all), much = 1 + below(all - from);
    munmap(range.at + from * PAGE, much * PAGE - below(PAGE));
    hold(range.at, from * PAGE);
    hold(range.at + (from + much) * PAGE, range.length - (from + much) * PAGE);
}

static void move(struct range range) {
    size_t length = below(3) ? pages() : range.length;
    char *at = mremap(range.at, range.length, length, below(4) ? MREMAP_MAYMOVE : 0);
    if (at == MAP_FAILED) hold(range.at, range.length);
    else hold(at, length);
}

// The kernel empties the destination before it looks closely at the source, so the source is
// fresh and the destination is a hole or something we hold.
static void move_to(void) {
    size_t length = pages();
    char *source = map_any(NULL, length, 0);
    if (source == MAP_FAILED) return;
    struct range target = {NULL, 0};
    if (count > 0 && below(2)) target = take();
    if (target.length < length) {
        hold(target.at, target.length);
        target = (struct range){mmap(NULL, length, PROT_NONE, ANON, -1, 0), length};
        munmap(target.at, length);
    }
    if (mremap(source, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, target.at) != target.at)
        abort();
    hold(target.at, target.length);
}

static void duplicate(void) {
    size_t length = pages();
    char *shared = mmap(NULL, length, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    hold(mremap(shared, 0, length, MREMAP_MAYMOVE), length);
    hold(shared, length);
    char *anon = mmap(NULL, length, RW, ANON, -1, 0);
    hold(mremap(anon, length, length, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL), length);
    hold(anon, length);
}

static void move_heap(void) {
    static long grown;
    long step = (long)below(200000) - 80000;
    if (grown + step < 0) step = -grown;
    if (sbrk(step) != (void *)-1) grown += step;
}

static void operate(void) {
    uint64_t which = below(count < 20 ? 4 : 16);
    if (which < 4) {
        size_t length = pages();
        hold(map_any(NULL, length, 0), length);
    } else if (which == 4) move_to();
    else if (which == 5) duplicate();
    else if (which == 6) move_heap();
    else if (which == 7) mmap(NULL, 0, RW, ANON, -1, 0);
    else {
        struct range range = take();
        if (which < 10) munmap(range.at, range.length);
        else if (which < 12) release_part(range);
        else if (which < 13) overlay(range);
        else if (which < 15) move(range);
        else {
            // Splits lines of maps without moving anything.
            mprotect(range.at, (1 + below(range.length / PAGE)) * PAGE, PROT_READ);
            hold(range.at, range.length);
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    state = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15 + 1;
    long operations = strtol(argv[2], NULL, 10);
    char byte, name[] = "/tmp/memwatch-maps-XXXXXX";
    file = mkstemp(name);
    if (file < 0 || unlink(name) || ftruncate(file, 300 * PAGE)) return 1;
    memfd = memfd_create("maps", 0);
    if (memfd < 0 || ftruncate(memfd, 300 * PAGE)) return 1;
    if (read(0, &byte, 1) != 1) return 1;
    for (long i = 0; i < operations; i++) {
        operate();
        if (argc > 3 && i == operations / 2 && fork() == 0) state ^= 0x5bd1e995;
    }
    if (write(1, "ready\n", 6) != 6) return 1;
    while (read(0, &byte, 1) == 1) {}
    return 0;
}
