"""objects.py MODE: waits for a line, allocates and frees at random (seeded) in several threads,
runs other programs meanwhile, says "ready" and holds still. MODE "end" neither waits nor holds."""

import random
import subprocess
import sys
import threading


def allocate(seed, rounds):
    chance = random.Random(seed)
    held = []
    for _ in range(rounds):
        size = 1 << chance.randrange(5, 22)
        thing = bytes(chance.randrange(size)) if chance.random() < 0.7 else [0] * (size // 64)
        held.append(thing)
        if len(held) > 60 or chance.random() < 0.4:
            held.pop(chance.randrange(len(held)))
    return held


def main():
    holds = sys.argv[1] != "end"
    if holds:
        sys.stdin.readline()
    rounds = 2000 if holds else 300
    kept = [allocate(1, rounds)]
    workers = [
        threading.Thread(target=lambda seed=seed: kept.append(allocate(seed, rounds)))
        for seed in range(2, 5)
    ]
    for worker in workers:
        worker.start()
    for _ in range(3):
        subprocess.run(["/bin/true"], check=True)
    subprocess.run(["/bin/sh", "-c", "exit 3"], check=False)
    for worker in workers:
        worker.join()
    if holds:
        print("ready", flush=True)
        sys.stdin.read()


main()
