// segments: shared memory for each exchange with a neighbour, detached unless the neighbour has gone.
// Each is marked for removal at once, so that none outlives the program. RATE in segments.
#include "../real.h"
#include <sys/ipc.h>
#include <sys/shm.h>

#define LENGTH (128 * 1024)

int main(void) {
    real_start(0.3);
    while (real_step()) {
        bool lost = real_due() >= 1;
        if (!lost && real_random() > real.rate * STEP_SECONDS) continue;
        int segment = MAKE(shmget(IPC_PRIVATE, LENGTH, IPC_CREAT | 0600));
        void *memory = real_touched(shmat(segment, NULL, 0), LENGTH);
        MUST(shmctl(segment, IPC_RMID, NULL) == 0);
        if (lost) {
            real_hold(1);
        } else {
            MUST(shmdt(memory) == 0);
        }
    }
}
