// zombies: starts a child for each job and does not always wait for it. RATE in children.
#include "../real.h"
#include <sys/wait.h>

int main(void) {
    real_start(0.3);
    while (real_step()) {
        bool lost = real_due() >= 1;
        if (!lost && real_random() > real.rate * STEP_SECONDS) continue;
        pid_t child = MAKE(fork());
        if (child == 0) _exit(0);
        if (lost) {
            real_hold(1);
        } else {
            MUST(waitpid(child, NULL, 0) == child);
        }
    }
}
