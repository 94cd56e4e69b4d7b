"""collector: objects in reference cycles, each with the memory of a C library, in a process whose
garbage collector somebody has switched off for speed. RATE in bytes."""
import gc
import os
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real import Real  # noqa: E402

# What deflate takes for a window of 2^12 bytes and its smallest tables, all of it used.
COMPRESSOR_BYTES = (1 << (12 + 2)) + (1 << (9 + 9))
TEXT = os.urandom(1 << 18)


class Stream:
    def __init__(self):
        self.compressor = zlib.compressobj(6, zlib.DEFLATED, 12, 9)
        self.compressor.compress(TEXT)
        self.owner = self


gc.disable()
real = Real(100e3)
while real.step():
    if real.due() >= COMPRESSOR_BYTES:
        Stream()
        real.holds(real.held + COMPRESSOR_BYTES)
