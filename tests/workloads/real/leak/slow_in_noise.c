// slow_in_noise: reports that need up to 500 MiB for a moment, and a little that is lost all the
// while. RATE in bytes.
#include "../real.h"
#include <malloc.h>
#include <sys/mman.h>

#define LARGEST (500.0 * 1024 * 1024)

static void *volatile lost;

static void lose(void) {
    for (double due = real_due(); due > 0;) {
        size_t length = (size_t)real_between(200, 2000);
        lost = real_touched(malloc(length), length);
        size_t taken = malloc_usable_size(lost) + sizeof(size_t);
        real_hold((int64_t)taken);
        due -= (double)taken;
    }
}

int main(void) {
    // 1 MiB a minute.
    real_start(1024.0 * 1024 / 60);
    while (real_step()) {
        size_t length = 4096 + (size_t)(LARGEST * real_random());
        char *report = (char *)mmap(NULL, length, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MUST(report != MAP_FAILED);
        for (size_t at = 0; at < length; at += 4096) report[at] = 1;
        lose();
        real_sleep(real_between(0.5, 3));
        MUST(munmap(report, length) == 0);
        lose();
        real_sleep(real_between(0.5, 3));
    }
}
