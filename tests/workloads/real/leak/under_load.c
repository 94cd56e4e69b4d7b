// under_load: loses something with each request, and requests come in bursts of half a minute with
// pauses between. RATE in bytes while there is load.
#include "../real.h"
#include <malloc.h>

static void *volatile lost;

// What a request costs: a tenth of a core while there is load.
static void work(void) {
    double end = real_clock() + STEP_SECONDS / 10;
    while (real_clock() < end) {}
}

int main(void) {
    real_start(120e3);
    double change = real.onset;
    bool busy = false;
    for (double last = 0, due = 0; real_step();) {
        double now = real_elapsed();
        if (now >= change) {
            busy = !busy;
            change = now + real_between(20, 40);
        }
        if (busy) {
            due += real.rate * (now - last) * real_between(1 - real.noise, 1 + real.noise);
            work();
        }
        last = now;
        while (due > 0) {
            size_t length = (size_t)real_between(500, 3000);
            lost = real_touched(malloc(length), length);
            size_t taken = malloc_usable_size(lost) + sizeof(size_t);
            real_hold((int64_t)taken);
            due -= (double)taken;
        }
    }
}
