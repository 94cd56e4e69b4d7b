// container: a server that remembers every session by its number and never erases one. RATE in bytes.
#include "../real.h"
#include <string>
#include <unordered_map>

struct Session {
    std::string user, state;
};

// What the allocator takes for so many bytes.
static int64_t chunk(size_t length) { return (int64_t)((length + 8 + 15) / 16 * 16); }

int main() {
    real_start(60e3);
    std::unordered_map<uint64_t, Session> sessions;
    uint64_t number = 0;
    while (real_step()) {
        for (double due = real_due(); due > 0;) {
            size_t length = (size_t)real_between(300, 1500);
            sessions[number++] = {std::string(40, 'u'), std::string(length, 's')};
            // A node has the link, the key and the session.
            int64_t taken = chunk(8 + 8 + sizeof(Session)) + chunk(41) + chunk(length + 1);
            real_hold(taken);
            due -= (double)taken;
        }
        // Only the newest are ever asked for.
        for (uint64_t i = 0; i < 50 && i < number; i++) MUST(sessions.count(number - 1 - i));
    }
}
