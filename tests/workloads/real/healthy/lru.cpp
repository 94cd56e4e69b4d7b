// lru: a cache of the pages last asked for, which fills to its bound and then drops the oldest. RATE
// in bytes that are read a second.
#include "../real.h"
#include <list>
#include <string>
#include <unordered_map>

#define BOUND (48 << 20)
#define PAGE (12 << 10)
#define PAGES 40000

int main() {
    real_start(250e3);
    std::list<std::pair<int, std::string>> order;
    std::unordered_map<int, decltype(order)::iterator> pages;
    size_t held = 0;
    while (real_step()) {
        int asked = (int)(real.rate * STEP_SECONDS / PAGE);
        for (int i = 0; i < asked; i++) {
            // Some pages are asked for much more often.
            double chosen = real_random();
            int number = (int)(chosen * chosen * chosen * PAGES);
            auto found = pages.find(number);
            if (found != pages.end()) {
                order.splice(order.begin(), order, found->second);
                continue;
            }
            size_t length = (size_t)real_between(PAGE / 2, PAGE * 1.5);
            order.emplace_front(number, std::string(length, 'p'));
            pages[number] = order.begin();
            held += length;
            while (held > BOUND) {
                held -= order.back().second.size();
                pages.erase(order.back().first);
                order.pop_back();
            }
        }
        real_holds((int64_t)held);
    }
}
