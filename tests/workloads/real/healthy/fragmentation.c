// fragmentation: as many objects are always in use, but small ones that stay come to lie between large
// ones that go, so that the heap grows, ever more slowly, by holes that nothing fits in. RATE in small
// objects a second.
#include "../real.h"
#include <malloc.h>
#include <math.h>

#define SMALL 40000
#define LARGE 400
#define SMALL_FOR_A_LARGE 10

static void *small[SMALL], *large[LARGE];

static void renew(void **slot, double shortest, double longest) {
    if (*slot) real_hold(-(int64_t)malloc_usable_size(*slot));
    free(*slot);
    size_t length = (size_t)exp(real_between(log(shortest), log(longest)));
    *slot = real_touched(malloc(length), length);
    real_hold((int64_t)malloc_usable_size(*slot));
}

int main(void) {
    real_start(500);
    // All of it in the heap, which is not given back while it is fragmented anyway.
    MUST(mallopt(M_MMAP_THRESHOLD, 1 << 20) && mallopt(M_TRIM_THRESHOLD, 1 << 30));
    for (double due = 0; real_step();) {
        for (due += real.rate * STEP_SECONDS; due >= 1; due--) {
            renew(&small[(int)(real_random() * SMALL)], 16, 1000);
            if (real_random() * SMALL_FOR_A_LARGE < 1) {
                renew(&large[(int)(real_random() * LARGE)], 1000, 400000);
            }
        }
    }
}
