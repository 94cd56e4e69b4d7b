// epoll_watches: closes a copy of a descriptor, which does not end the watch on it while the file is
// open elsewhere. RATE in watches.
#include "../real.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void) {
    real_start(0.5);
    int epoll = MAKE(epoll_create1(EPOLL_CLOEXEC)), event = MAKE(eventfd(0, EFD_CLOEXEC));
    // A watch belongs to file and number, so each needs a number of its own.
    for (int number = 100; real_step(); number = number < 900 ? number + 1 : 100) {
        int copy = MAKE(fcntl(event, F_DUPFD_CLOEXEC, number));
        struct epoll_event wanted = {.events = EPOLLIN};
        bool lost = real_due() >= 1;
        if (lost && epoll_ctl(epoll, EPOLL_CTL_ADD, copy, &wanted) == 0) real_hold(1);
        close(copy);
    }
}
