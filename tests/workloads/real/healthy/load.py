"""load: a service whose load rises and falls within minutes, with the memory and the connections that
go with it. RATE in bytes at full load a second of its first rise."""
import math
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real import Real  # noqa: E402

PERIOD = 240.0
PART = 200_000

real = Real(400e3)
parts, pairs = [], []
while real.step():
    load = (1 - math.cos(2 * math.pi * real.elapsed() / PERIOD)) / 2
    load *= real.random.uniform(1 - real.noise / 5, 1)
    wanted = int(load * real.rate * PERIOD / 2 / PART)
    # Beyond what the allocator gives out of its heap, so that it gives it back.
    while len(parts) < wanted:
        parts.append(bytearray(b"x" * PART))
    del parts[wanted:]
    while len(pairs) < load * 60:
        pairs.append(socket.socketpair())
    while len(pairs) > load * 60 + 1:
        for end in pairs.pop():
            end.close()
    busy = time.monotonic() + load * 0.008
    while time.monotonic() < busy:
        pass
    real.holds(len(parts) * PART)
