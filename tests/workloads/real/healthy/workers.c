// workers: a thread pool that grows while there is more to do than it can, keeps idle threads for a
// while and then lets them go. RATE in jobs a second, eight times as many at the busiest.
#include "../real.h"
#include <math.h>
#include <pthread.h>
#include <semaphore.h>

#define MOST 40
#define PERIOD 300.0
#define IDLE_SECONDS 3

static sem_t jobs;
static int threads;

static void *work(void *nothing) {
    for (;;) {
        struct timespec until;
        MUST(clock_gettime(CLOCK_REALTIME, &until) == 0);
        until.tv_sec += IDLE_SECONDS;
        if (sem_timedwait(&jobs, &until) != 0) break;
        char scratch[20000];
        real_touched(scratch, sizeof scratch);
        real_sleep(1.5);
    }
    __atomic_sub_fetch(&threads, 1, __ATOMIC_SEQ_CST);
    return nothing;
}

int main(void) {
    real_start(2);
    MUST(sem_init(&jobs, 0, 0) == 0);
    while (real_step()) {
        double load = 1 + 7 * (1 - cos(2 * M_PI * real_elapsed() / PERIOD)) / 2;
        // What was posted a step ago and still waits found no idle thread.
        int waiting;
        MUST(sem_getvalue(&jobs, &waiting) == 0);
        double come = load * real.rate * STEP_SECONDS;
        for (; real_random() < come; come -= 1) MUST(sem_post(&jobs) == 0);
        int now = __atomic_load_n(&threads, __ATOMIC_SEQ_CST);
        if ((waiting > 0 && now < MOST) || now == 0) {
            pthread_t thread;
            __atomic_add_fetch(&threads, 1, __ATOMIC_SEQ_CST);
            MUST(pthread_create(&thread, NULL, work, NULL) == 0 && pthread_detach(thread) == 0);
        }
        real_holds(__atomic_load_n(&threads, __ATOMIC_SEQ_CST));
    }
}
