// fork_storm: children for short jobs, many in a burst, all of them waited for. RATE in children a
// second, in bursts of half a minute.
#include "../real.h"
#include <sys/wait.h>

#define BURST 30.0

int main(void) {
    real_start(4);
    while (real_step()) {
        while (waitpid(-1, NULL, WNOHANG) > 0) real_hold(-1);
        bool busy = (int)(real_elapsed() / BURST) % 2 == 0;
        double wanted = real.rate * STEP_SECONDS * (busy ? 2 : 0.1);
        for (; real_random() < wanted; wanted -= 1) {
            pid_t child = MAKE(fork());
            if (child == 0) {
                real_touched(malloc(1 << 20), 1 << 20);
                real_sleep(real_between(0.2, 4));
                _exit(0);
            }
            real_hold(1);
            real_random();
        }
    }
}
