// close_wait: a server whose clients hang up, and which does not always notice. It is its own client.
// RATE in sockets.
#include "../real.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

int main(void) {
    real_start(0.5);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = MAKE(socket(AF_INET, SOCK_STREAM, 0));
    MUST(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 16) == 0);
    MUST(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    while (real_step()) {
        // Clients come at twice the rate; half of them are served well.
        if (real_random() > 2 * real.rate * STEP_SECONDS && real_due() < 1) continue;
        int client = MAKE(socket(AF_INET, SOCK_STREAM, 0));
        MUST(connect(client, (struct sockaddr *)&address, length) == 0);
        int server = MAKE(accept(listener, NULL, NULL));
        MUST(write(client, "hello", 5) == 5);
        close(client);
        if (real_due() >= 1) {
            real_hold(1);
        } else {
            close(server);
        }
    }
}
