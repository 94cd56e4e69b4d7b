// timerfd: a timeout for each request, closed unless the request failed. RATE in timers.
#include "../real.h"
#include <sys/timerfd.h>

int main(void) {
    real_start(0.5);
    while (real_step()) {
        int timer = MAKE(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
        struct itimerspec soon = {.it_value.tv_sec = 30};
        MUST(timerfd_settime(timer, 0, &soon, NULL) == 0);
        if (real_due() >= 1) {
            real_hold(1);
        } else {
            close(timer);
        }
    }
}
