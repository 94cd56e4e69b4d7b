"""hold.py DIRECTORY: waits for a line, opens, passes on and gives back things of every kind, says
"ready" and holds still until its input ends. Its only interval timer runs for an hour."""

import asyncio
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading

DIRECTORY = sys.argv[1]
kept = []


def keep(thing):
    kept.append(thing)
    return thing


def sockets():
    """Both ends of connections, half of them given back, some by one end only."""
    chooser = keep(selectors.DefaultSelector())
    tcp = keep(socket.create_server(("127.0.0.1", 0), backlog=64))
    unix = keep(socket.socket(socket.AF_UNIX))
    unix.bind(os.path.join(DIRECTORY, "python"))
    unix.listen()
    for listener in (tcp, unix):
        chooser.register(listener, selectors.EVENT_READ)
        for number in range(40):
            client = socket.socket(listener.family)
            client.connect(listener.getsockname())
            server, _ = listener.accept()
            chooser.register(server, selectors.EVENT_READ)
            if number % 4 == 0:
                client.close()
                chooser.unregister(server)
                server.close()
            elif number % 4 == 1:
                # The selector's epoll forgets it by itself.
                server.close()
                keep(client)
            else:
                keep(client), keep(server)
    keep(socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET, socket.SOCK_DGRAM))
    for end in socket.socketpair():
        keep(end)
    keep(tcp.dup())


def descriptors():
    poller = keep(select.epoll())
    for _ in range(20):
        event = os.eventfd(0)
        poller.register(event, select.EPOLLIN)
        copy = os.dup(event)
        if len(kept) % 2:
            os.close(event)
        keep(copy)
    for number in range(10):
        reader, writer = os.pipe()
        os.dup2(writer, 200 + number)
        os.close(writer)
    os.closerange(205, 208)
    for number in range(4):
        keep(os.memfd_create(f"python-{number}"))
        keep(open(os.path.join(DIRECTORY, f"file-{number}"), "wb"))


def memory():
    path = os.path.join(DIRECTORY, "mapped")
    with open(path, "wb") as file:
        file.truncate(1 << 20)
    with open(path, "r+b") as file:
        keep(mmap.mmap(file.fileno(), 1 << 20))
        keep(mmap.mmap(file.fileno(), 1 << 20, flags=mmap.MAP_PRIVATE)).resize(1 << 18)
    keep(mmap.mmap(-1, 3 << 20))
    keep(mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE))
    mmap.mmap(-1, 5 << 20).close()
    segment = keep(multiprocessing.shared_memory.SharedMemory(create=True, size=1 << 20))
    keep(multiprocessing.shared_memory.SharedMemory(name=segment.name))
    # Whatever way this program ends, nothing of it stays.
    segment.unlink()
    gone = multiprocessing.shared_memory.SharedMemory(create=True, size=1 << 20)
    gone.close()
    gone.unlink()


def programs():
    for _ in range(5):
        subprocess.run(["/bin/true"], check=True)
    subprocess.run(["/bin/sh", "-c", "echo here | cat"], check=True, stdout=subprocess.DEVNULL)
    for _ in range(3):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdin.write(b"x\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"x\n"
        keep(child)
    kept[-1].stdin.close()
    kept[-1].wait()


def work(connection):
    """A forked child, which gives back and opens things on its own."""
    os.eventfd(0)
    os.closerange(200, 205)
    connection.send("up")
    connection.recv()


def workers():
    context = multiprocessing.get_context("fork")
    for _ in range(2):
        ours, theirs = context.Pipe()
        keep(context.Process(target=work, args=(theirs,), daemon=True)).start()
        theirs.close()
        assert keep(ours).recv() == "up"
    kept[-1].send("go")
    kept[-2].join()
    with context.Pool(2) as pool:
        assert pool.map(abs, range(-50, 0))[0] == 50


def threads():
    held = threading.Event()
    stack = [threading.Thread(target=held.wait, daemon=True) for _ in range(8)]
    for thread in stack:
        thread.start()
    for _ in range(20):
        short = threading.Thread(target=lambda: keep(bytearray(1 << 20)))
        short.start()
        short.join()


async def conversations():
    async def answer(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    for _ in range(50):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x\n")
        assert await reader.readline() == b"x\n"
        writer.close()
        await writer.wait_closed()
    keep(server)


def main():
    print("waiting", flush=True)
    sys.stdin.readline()
    sockets()
    descriptors()
    memory()
    programs()
    workers()
    threads()
    keep(asyncio.new_event_loop()).run_until_complete(conversations())
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.setitimer(signal.ITIMER_REAL, 3600)
    print("ready", flush=True)
    sys.stdin.read()
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(0)


main()
