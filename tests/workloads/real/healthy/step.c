// step: a service that is told now and then to hold other data, sometimes more, sometimes less. RATE in
// bytes that it changes by at once.
#include "../real.h"
#include <malloc.h>

#define SLOTS 40
#define EVERY 100.0

static void *slots[SLOTS];

int main(void) {
    real_start(1024 * 1024);
    // Or the allocator would keep what is freed.
    MUST(mallopt(M_MMAP_THRESHOLD, 256 * 1024));
    int wanted = SLOTS / 2, held = 0;
    for (double change = EVERY; real_step();) {
        if (real_elapsed() > change) {
            change += EVERY * real_between(0.5, 1.5);
            wanted = (int)real_between(5, SLOTS);
        }
        // One a step, each a mapping of its own.
        if (held < wanted) slots[held++] = real_touched(malloc((size_t)real.rate), (size_t)real.rate);
        if (held > wanted) free(slots[--held]);
        real_holds((int64_t)((double)held * real.rate));
    }
}
