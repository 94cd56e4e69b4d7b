// pool: a connection pool that opens one more whenever all are busy, up to its size, and keeps them.
// It is its own server. RATE in connections a second.
#include "../real.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define SIZE 60
#define BUFFER (64 * 1024)

static struct { int client, server; char *buffer; } pool[SIZE];

int main(void) {
    real_start(0.15);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = MAKE(socket(AF_INET, SOCK_STREAM, 0));
    MUST(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 16) == 0);
    MUST(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    int size = 0;
    while (real_step()) {
        if (size < SIZE && real_random() < real.rate * STEP_SECONDS) {
            pool[size].client = MAKE(socket(AF_INET, SOCK_STREAM, 0));
            MUST(connect(pool[size].client, (struct sockaddr *)&address, length) == 0);
            pool[size].server = MAKE(accept(listener, NULL, NULL));
            pool[size].buffer = (char *)real_touched(malloc(BUFFER), BUFFER);
            size++;
            real_hold(1);
        }
        if (size == 0) continue;
        int used = (int)(real_random() * size);
        MUST(write(pool[used].client, "ping", 4) == 4);
        MUST(read(pool[used].server, pool[used].buffer, BUFFER) == 4);
    }
}
