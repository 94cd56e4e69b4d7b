// gcc: -m32 -nostdlib -static -fno-pie
// compat: a 32-bit program without a library, whose system calls no probe sees. Waits for a line, takes
// memory and descriptors, gives a part back, says "ready" and waits until it is killed.
#define MAPPED (64 << 20)

static long call(long number, long a, long b, long c, long d, long e) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}

void _start(void) {
    enum { READ = 3, WRITE = 4, CLOSE = 6, PAUSE = 29, MUNMAP = 91, MMAP2 = 192, EVENTFD2 = 328 };
    static char line[3];
    call(READ, 0, (long)line, sizeof line, 0, 0);
    // Of mmap2 the last argument, the offset, is 0 in %ebp or not looked at for anonymous memory.
    long at = call(MMAP2, 0, MAPPED, 3, 0x22, -1);
    call(MUNMAP, at, MAPPED / 4, 0, 0, 0);
    for (int i = 0; i < 20; i++) {
        long fd = call(EVENTFD2, 0, 0, 0, 0, 0);
        if (i % 4 == 0) call(CLOSE, fd, 0, 0, 0, 0);
    }
    call(WRITE, 1, (long)"ready\n", 6, 0, 0);
    for (;;) call(PAUSE, 0, 0, 0, 0, 0);
}
