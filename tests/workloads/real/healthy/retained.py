"""retained: every minute or so a table is read, sorted and dropped, in rows so small that the allocator
keeps most of their memory. RATE in bytes a second while it is read."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real import Real  # noqa: E402

real = Real(4e6)
table, held, goal, pause = [], 0, 0, 0.0
last = real.elapsed()
while real.step():
    now = real.elapsed()
    if held < goal:
        until = min(goal, held + real.rate * (now - last))
        while held < until:
            row = b"x" * real.random.randrange(500, 5000)
            table.append(row)
            held += len(row)
        if held >= goal:
            table.sort()
            pause = now + real.random.uniform(10, 20)
    elif now > pause:
        if table:
            table, held, goal = [], 0, 0
            pause = now + real.random.uniform(20, 50)
        else:
            goal = real.random.uniform(20e6, 60e6)
    last = now
    real.holds(int(held))
