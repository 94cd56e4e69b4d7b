"""list: a service that writes down every answer in a list that nobody reads. RATE in bytes."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real import Real  # noqa: E402

real = Real(80e3)
answers = []
while real.step():
    due = real.due()
    while due > 0:
        answer = b"x" * real.random.randrange(200, 2000)
        answers.append(answer)
        # The object and its place in the list.
        taken = sys.getsizeof(answer) + 8
        real.holds(real.held + taken)
        due -= taken
