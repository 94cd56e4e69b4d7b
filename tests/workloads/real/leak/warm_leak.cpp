// warm_leak: a cache that fills to its bound, beside an index that keeps the key of every entry that
// was ever in it. RATE in bytes of keys.
#include "../real.h"
#include <deque>
#include <string>

#define ENTRY 8192
#define ENTRIES 5000
#define ENTRIES_A_STEP 5

int main() {
    real_start(50e3);
    std::deque<std::string> cache;
    std::deque<std::string> keys;
    while (real_step()) {
        for (int i = 0; i < ENTRIES_A_STEP; i++) {
            cache.emplace_back(ENTRY, 'e');
            if (cache.size() > ENTRIES) cache.pop_front();
        }
        for (double due = real_due(); due > 0;) {
            keys.emplace_back((size_t)real_between(200, 600), 'k');
            // The string, what it points to, and what the allocator adds.
            int64_t taken = (int64_t)(sizeof(std::string) + (keys.back().size() + 24) / 16 * 16);
            real_hold(taken);
            due -= (double)taken;
        }
    }
}
