// malloc: a server that keeps a copy of each answer and loses the pointer. RATE in bytes.
#include "../real.h"
#include <malloc.h>

static void *volatile lost;

int main(void) {
    real_start(50e3);
    while (real_step()) {
        size_t length = (size_t)real_between(1e3, 1e6);
        free(real_touched(malloc(length), length));
        for (double due = real_due(); due > 0;) {
            length = (size_t)real_between(200, 2000);
            lost = real_touched(malloc(length), length);
            size_t taken = malloc_usable_size(lost) + sizeof(size_t);
            real_hold((int64_t)taken);
            due -= (double)taken;
        }
    }
}
