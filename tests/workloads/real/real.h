// What the real programs in C and C++ share: settings, pace, random numbers and the progress file,
// as README.md describes them.
#pragma once
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define MUST(condition) do { if (!(condition)) { perror(#condition); abort(); } } while (0)
#define MAKE(call) ({ int made_ = (int)(call); if (made_ < 0) { perror(#call); abort(); } made_; })

#define STEP_SECONDS 0.1

static struct {
    double rate, noise, onset, duration, started;
    uint64_t random;
    int64_t held;
    int progress;
} real;

static inline double real_setting(const char *name, double otherwise) {
    const char *text = getenv(name);
    return text ? atof(text) : otherwise;
}

static inline double real_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Seconds since the start.
static inline double real_elapsed(void) { return real_clock() - real.started; }

static inline void real_start(double rate) {
    MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    real.rate = real_setting("RATE", rate);
    real.noise = real_setting("NOISE", 0.5);
    real.onset = real_setting("ONSET", 0);
    real.duration = real_setting("DURATION", 1e9);
    real.random = (uint64_t)real_setting("SEED", 1) * 2654435769u + 1;
    const char *file = getenv("PROGRESS");
    real.progress = file ? MAKE(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) : -1;
    real.started = real_clock();
}

// 0 to 1 (xorshift64*).
static inline double real_random(void) {
    real.random ^= real.random >> 12;
    real.random ^= real.random << 25;
    real.random ^= real.random >> 27;
    return (double)((real.random * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

static inline double real_between(double low, double high) {
    return low + (high - low) * real_random();
}

static inline void real_sleep(double seconds) {
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

// Waits for the next step; false when the program is to end.
static inline bool real_step(void) {
    real_sleep(STEP_SECONDS);
    return real_elapsed() < real.duration;
}

// Says how much is held now.
static inline void real_holds(int64_t units) {
    real.held = units;
    char line[32];
    int length = snprintf(line, sizeof line, "%020" PRId64 "\n", units);
    MUST(real.progress < 0 || pwrite(real.progress, line, (size_t)length, 0) == length);
}

// Says that so much more is held.
static inline void real_hold(int64_t units) { real_holds(real.held + units); }

// How much is to be lost in this step: a share of what the rate asks for since the onset.
static inline double real_due(void) {
    double seconds = real_elapsed() - real.onset;
    if (seconds < 0) return 0;
    return (real.rate * seconds - (double)real.held) * (1 - real.noise * real_random());
}

// Memory in use, every page of it.
static inline void *real_touched(void *memory, size_t length) {
    MUST(memory != NULL && memory != (void *)-1);
    return memset(memory, 1, length);
}
