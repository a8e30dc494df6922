"""Floods the gate and the relays, then waits to be let go on. All that it knocks at is this machine's own."""
import fcntl
import os
import random
import resource
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", random.randrange(1 << 16), 256, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)


def ask(i):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.settimeout(2)
        resolver.sendto(question(f"r{random.getrandbits(64):x}.x{i}.example"), ("127.0.0.11", 53))
        try:
            return len(resolver.recv(512)) > 0
        except OSError:
            return False


def connect(i):
    # Neighbours in the container's own network, which does not let its containers see each other.
    address = socket.inet_ntoa(own + bytes([200 + i // 250, 1 + i % 250]))
    try:
        with socket.create_connection((address, 1 + i), 2) as stream:
            stream.settimeout(2)
            return stream.recv(1) == b""
    except OSError:
        return True


workers = ThreadPoolExecutor(100)
began = time.time()
print("names=10000 answered", sum(workers.map(ask, range(10_000))), time.time() - began)

with socket.socket() as any_socket:
    own = fcntl.ioctl(any_socket.fileno(), 0x8915, struct.pack("256s", b"eth0"))[20:22]
print("connections=10000 refused", sum(workers.map(connect, range(10_000))), time.time() - began)

for target in (("127.0.0.1", 7336), (socket.inet_ntoa(own + b"\xc8\x01"), 443)):
    held = []
    for _ in range(5_000):
        stream = socket.socket()
        stream.setblocking(False)
        stream.connect_ex(target)
        held.append(stream)
    time.sleep(1)
    for stream in held:
        stream.close()
    print("parallel", target, len(held), time.time() - began)

open("/workspace/flooded", "w").close()
while not os.path.exists("/workspace/go"):
    time.sleep(0.1)
os.remove("/workspace/go")
os.remove("/workspace/flooded")
