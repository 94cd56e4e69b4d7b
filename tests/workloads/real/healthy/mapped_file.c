// mapped_file: searches a mapped file from one end to the other: its pages become resident, and belong
// to the page cache. RATE in bytes a second.
#include "../real.h"
#include <sys/mman.h>

#define LENGTH (160 << 20)
#define PART 65536

int main(void) {
    real_start(300e3);
    int file = MAKE(open("mapped", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    char part[PART];
    memset(part, 1, sizeof part);
    for (int at = 0; at < LENGTH; at += PART) MUST(write(file, part, PART) == PART);
    char *mapped = (char *)mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, file, 0);
    MUST(mapped != MAP_FAILED && madvise(mapped, LENGTH, MADV_RANDOM) == 0);
    unsigned long sum = 0;
    while (real_step()) {
        while (real.held < LENGTH && (double)real.held < real.rate * real_elapsed()) {
            for (int at = 0; at < 4096; at += 64) sum += (unsigned char)mapped[real.held + at];
            real_hold(4096);
        }
    }
    return (int)(sum & 1);
}
