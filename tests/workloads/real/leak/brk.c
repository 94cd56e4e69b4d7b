// brk: an allocator of its own that only ever moves the program break up. RATE in bytes.
#include "../real.h"

int main(void) {
    real_start(60e3);
    while (real_step()) {
        for (double due = real_due(); due >= 4096;) {
            size_t length = 4096 * (size_t)real_between(1, 5);
            real_touched(sbrk((intptr_t)length), length);
            real_hold((int64_t)length);
            due -= (double)length;
        }
    }
}
