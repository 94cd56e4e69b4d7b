// reload: reads its settings anew every half minute or so, and loses the old ones. RATE in bytes.
#include "../real.h"
#include <malloc.h>

#define EVERY 30.0

static char *volatile entry;

int main(void) {
    real_start(40e3);
    double next = real.onset + EVERY * real_random();
    while (real_step()) {
        if (real_elapsed() < next) continue;
        next += EVERY * real_between(1 - real.noise / 2, 1 + real.noise / 2);
        for (double due = real_due(); due > 0;) {
            size_t length = (size_t)real_between(50, 400);
            entry = (char *)real_touched(malloc(length), length);
            size_t taken = malloc_usable_size(entry) + sizeof(size_t);
            real_hold((int64_t)taken);
            due -= (double)taken;
        }
    }
}
