// arenas: threads come one after the other, up to their number, and each has the allocator make an
// arena for it; what they work with comes and goes. RATE in threads a second.
#include "../real.h"
#include <malloc.h>
#include <pthread.h>

#define THREADS 16
#define OBJECTS 2000

static void *work(void *nothing) {
    void *objects[OBJECTS] = {0};
    uint64_t state = (uint64_t)(uintptr_t)&objects | 1;
    while (real_elapsed() < real.duration) {
        for (int i = 0; i < 50; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            void **slot = &objects[(state >> 33) % OBJECTS];
            free(*slot);
            size_t length = 200 + (state >> 40) % 3000;
            *slot = real_touched(malloc(length), length);
        }
        real_sleep(STEP_SECONDS);
    }
    return nothing;
}

int main(void) {
    MUST(mallopt(M_ARENA_MAX, THREADS + 1));
    real_start(1.0 / 20);
    while (real_step()) {
        if (real.held >= THREADS || real.rate * real_elapsed() < (double)real.held) continue;
        pthread_t thread;
        MUST(pthread_create(&thread, NULL, work, NULL) == 0);
        real_hold(1);
    }
}
