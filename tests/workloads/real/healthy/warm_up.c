// warm_up: a cache of everything there is, filled as it is asked for: fast at first, ever slower, then
// complete. RATE in bytes a second at the start.
#include "../real.h"
#include <math.h>

#define ENTRIES 8192
#define ENTRY 8192

static char *entries[ENTRIES];

int main(void) {
    // Three quarters are there after two minutes.
    real_start(800e3);
    while (real_step()) {
        int asked = (int)(real.rate * STEP_SECONDS / ENTRY);
        for (int i = 0; i < asked; i++) {
            char **entry = &entries[(int)(real_random() * ENTRIES)];
            if (*entry) {
                (*entry)[(int)(real_random() * ENTRY)]++;
                continue;
            }
            *entry = (char *)real_touched(malloc(ENTRY), ENTRY);
            real_hold(ENTRY);
        }
    }
}
