"""collected: the same cycles as in collector.py, with a garbage collector that runs, late. RATE in
bytes that become garbage a second."""
import gc
import os
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real import Real  # noqa: E402

COMPRESSOR_BYTES = (1 << (12 + 2)) + (1 << (9 + 9))
TEXT = os.urandom(1 << 18)
COLLECTED_AFTER = 60.0


class Stream:
    def __init__(self):
        self.compressor = zlib.compressobj(6, zlib.DEFLATED, 12, 9)
        self.compressor.compress(TEXT)
        self.owner = self


gc.disable()
real = Real(400e3)
made, last = 0, real.elapsed()
while real.step():
    if real.rate * real.elapsed() > (made + 1) * COMPRESSOR_BYTES:
        Stream()
        made += 1
        real.holds(real.held + COMPRESSOR_BYTES)
    if real.elapsed() - last > COLLECTED_AFTER * real.random.uniform(0.7, 1.3):
        gc.collect()
        last = real.elapsed()
        real.holds(0)
