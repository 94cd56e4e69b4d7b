// descriptors: reads a file for each request; one way out of the function does not close it. At most
// 1,024, as is usual. RATE in descriptors.
#include "../real.h"
#include <sys/resource.h>

int main(void) {
    struct rlimit limit = {1024, 1024};
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    real_start(0.5);
    while (real_step()) {
        char text[64];
        int file = MAKE(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
        MUST(read(file, text, sizeof text) > 0);
        if (real_due() >= 1) {
            real_hold(1);
        } else {
            close(file);
        }
    }
}
