// timers: a POSIX timer for each job, deleted unless the job failed. RATE in timers.
#include "../real.h"

int main(void) {
    real_start(0.5);
    while (real_step()) {
        timer_t timer;
        struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
        MUST(timer_create(CLOCK_MONOTONIC, &nothing, &timer) == 0);
        struct itimerspec soon = {.it_value.tv_sec = 30};
        MUST(timer_settime(timer, 0, &soon, NULL) == 0);
        if (real_due() >= 1) {
            real_hold(1);
        } else {
            MUST(timer_delete(timer) == 0);
        }
    }
}
