// mmap: maps a buffer for each job and forgets to unmap some. RATE in bytes.
#include "../real.h"
#include <sys/mman.h>

static void *buffer(size_t length) {
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return real_touched(memory, length);
}

int main(void) {
    real_start(100e3);
    while (real_step()) {
        size_t length = 4096 * (size_t)real_between(16, 65);
        if (real_due() >= (double)length) {
            buffer(length);
            real_hold((int64_t)length);
        } else {
            MUST(munmap(buffer(length), length) == 0);
        }
    }
}
