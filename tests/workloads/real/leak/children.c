// children: a helper process for each job, some of which wait for ever for an order. RATE in children.
#include "../real.h"
#include <sys/wait.h>

int main(void) {
    real_start(0.2);
    pid_t parent = getpid();
    while (real_step()) {
        bool lost = real_due() >= 1;
        if (!lost && real_random() > real.rate * STEP_SECONDS) continue;
        pid_t child = MAKE(fork());
        if (child == 0) {
            MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
            while (lost && getppid() == parent) pause();
            _exit(0);
        }
        if (lost) {
            real_hold(1);
        } else {
            MUST(waitpid(child, NULL, 0) == child);
        }
    }
}
