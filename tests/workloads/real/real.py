"""What the real programs in Python share, as README.md describes it."""
import os
import random
import time

STEP_SECONDS = 0.1


def setting(name, otherwise):
    return float(os.environ.get(name, otherwise))


class Real:
    def __init__(self, rate):
        self.rate = setting("RATE", rate)
        self.noise = setting("NOISE", 0.5)
        self.onset = setting("ONSET", 0)
        self.duration = setting("DURATION", 1e9)
        self.random = random.Random(setting("SEED", 1))
        self.held = 0
        path = os.environ.get("PROGRESS")
        self.progress = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644) if path else None
        self.started = time.monotonic()

    def elapsed(self):
        return time.monotonic() - self.started

    def step(self):
        """Waits for the next step; false when the program is to end."""
        time.sleep(STEP_SECONDS)
        return self.elapsed() < self.duration

    def due(self):
        """How much is to be lost in this step."""
        seconds = max(0.0, self.elapsed() - self.onset)
        return (self.rate * seconds - self.held) * (1 - self.noise * self.random.random())

    def holds(self, units):
        """Says how much is held now."""
        self.held = units
        if self.progress is not None:
            os.pwrite(self.progress, b"%020d\n" % units, 0)
