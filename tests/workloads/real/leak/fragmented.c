// fragmented: objects of all sizes come and go, and now and then one that goes is not freed: what is
// lost lies scattered among what is used. RATE in bytes.
#include "../real.h"
#include <malloc.h>
#include <math.h>

#define OBJECTS 20000
#define A_STEP 400

static void *objects[OBJECTS];

int main(void) {
    real_start(40e3);
    while (real_step()) {
        double due = real_due();
        for (int i = 0; i < A_STEP; i++) {
            void **slot = &objects[(size_t)(real_random() * OBJECTS)];
            size_t old = *slot ? malloc_usable_size(*slot) + sizeof(size_t) : 0;
            if (old > 0 && due >= (double)old) {
                real_hold((int64_t)old);
                due -= (double)old;
            } else {
                free(*slot);
            }
            size_t length = (size_t)exp(real_between(log(16), log(4000)));
            *slot = real_touched(malloc(length), length);
        }
    }
}
