// inotify_watches: watches the file that a job writes, in the directory it was started in, and not
// always forgets it with the job. RATE in watches.
#include "../real.h"
#include <sys/inotify.h>

int main(void) {
    real_start(0.5);
    int inotify = MAKE(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    char job[64];
    for (unsigned number = 0; real_step(); number++) {
        snprintf(job, sizeof job, "job-%u", number);
        int file = MAKE(open(job, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        int watch = MAKE(inotify_add_watch(inotify, job, IN_CLOSE_WRITE));
        if (real_due() >= 1) {
            real_hold(1);
            // The file stays, or the kernel would end the watch with it.
        } else {
            MUST(inotify_rm_watch(inotify, watch) == 0);
            MUST(unlink(job) == 0);
        }
        close(file);
    }
}
