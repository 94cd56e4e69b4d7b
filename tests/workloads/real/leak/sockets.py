"""sockets: a client that asks a neighbour over a new connection each time, and forgets some open in a
list of those to be closed later. It is its own neighbour, over a unix socket. RATE in sockets a
second."""
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real import Real  # noqa: E402

real = Real(0.6)
listener = socket.socket(socket.AF_UNIX)
listener.bind("neighbour")
listener.listen()
later = []
while real.step():
    client = socket.socket(socket.AF_UNIX)
    client.connect("neighbour")
    server, _ = listener.accept()
    client.send(b"ping")
    server.recv(4)
    if real.due() >= 2:
        later.append((client, server))
        real.holds(real.held + 2)
    else:
        client.close()
        server.close()
