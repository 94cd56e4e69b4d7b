// rotation: writes a log through a buffer that grows with the busiest minute, and begins a new file
// when one is full; the last few stay open for readers. RATE in bytes of log a second.
#include "../real.h"

#define FILES 16
#define FULL 300000

static int files[FILES];

int main(void) {
    real_start(20e3);
    size_t capacity = 4096, written = 0;
    char *buffer = (char *)malloc(capacity);
    for (int i = 0; i < FILES; i++) files[i] = -1;
    for (unsigned number = 0; real_step();) {
        int *file = &files[number % FILES];
        if (*file < 0) {
            char name[32];
            snprintf(name, sizeof name, "log-%u", number);
            *file = MAKE(open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
            real_hold(1);
        }
        size_t length = (size_t)(real.rate * STEP_SECONDS * real_between(0, 2));
        while (capacity < length) {
            capacity *= 2;
            buffer = (char *)realloc(buffer, capacity);
        }
        real_touched(buffer, length);
        MUST(write(*file, buffer, length) == (ssize_t)length);
        written += length;
        if (written < FULL) continue;
        written = 0;
        number++;
        // All of them are closed when the last is full.
        if (number % FILES != 0) continue;
        for (int i = 0; i < FILES; i++) {
            close(files[i]);
            files[i] = -1;
            char name[32];
            snprintf(name, sizeof name, "log-%u", number - FILES + (unsigned)i);
            MUST(unlink(name) == 0);
        }
        real_holds(0);
    }
}
