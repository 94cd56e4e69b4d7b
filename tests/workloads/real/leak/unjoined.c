// unjoined: threads that end and are never joined: they are gone, their stacks are not. RATE in bytes
// of stacks, of which each thread uses all.
#include "../real.h"
#include <pthread.h>
#include <limits.h>

#define STACK (256 * 1024)
// What glibc keeps of a stack for itself at its end, and the guard page.
#define USED (STACK - 16 * 1024)

static void *job(void *nothing) {
    volatile char work[USED];
    for (size_t at = 0; at < sizeof work; at += 1024) work[at] = 1;
    return nothing;
}

int main(void) {
    real_start(60e3);
    pthread_attr_t small;
    MUST(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, STACK) == 0);
    while (real_step()) {
        if (real_due() < STACK) continue;
        pthread_t thread;
        MUST(pthread_create(&thread, &small, job, NULL) == 0);
        real_hold(STACK);
    }
}
