// threads: a thread for each job; some wait for an answer that never comes. RATE in threads.
#include "../real.h"
#include <pthread.h>

static void *job(void *wait) {
    while (wait) pause();
    return NULL;
}

int main(void) {
    real_start(0.3);
    while (real_step()) {
        bool stuck = real_due() >= 1;
        if (!stuck && real_random() > real.rate * STEP_SECONDS) continue;
        pthread_t thread;
        MUST(pthread_create(&thread, NULL, job, stuck ? &real : NULL) == 0);
        if (stuck) {
            real_hold(1);
        } else {
            MUST(pthread_join(thread, NULL) == 0);
        }
    }
}
