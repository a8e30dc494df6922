"""The attacked: servers at addresses that no run may reach. Every contact is one line of standard output."""
import socket, ssl, struct, subprocess, sys, threading

HOST4, HOST6, METADATA = "203.0.113.10", "2001:db8:cafe::10", "169.254.169.254"
# Another address of a rotating name, and the foreign resolver.
OTHER4, RESOLVER = "203.0.113.11", "203.0.113.53"
# Addresses that no name leads to.
NAMELESS = ("203.0.113.12/24", "2001:db8:cafe::12/64")
turn = 0


def say(*words):
    print(*words, flush=True)


def answers(name, kind):
    """What the foreign resolver says: nearly every name there is leads here."""
    global turn
    if name.startswith("nothing."):
        return None
    if name.startswith("rebind."):
        return [METADATA] if kind == 1 else []
    if name.startswith("rotating."):
        turn += 1
        return [[HOST4, OTHER4][turn % 2]] if kind == 1 else []
    if name.startswith("ssh."):
        return [OTHER4] if kind == 1 else []
    return {1: [HOST4], 28: [HOST6]}.get(kind, [])


def resolve(query, how):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    name = ".".join(labels).lower()
    say(how, name)
    found = answers(name, kind)
    head = query[:2] + struct.pack(">HHHHH", 0x8183 if found is None else 0x8180, 1, len(found or []), 0, 0)
    body = query[12:at + 5]
    for address in found or []:
        family = socket.AF_INET if kind == 1 else socket.AF_INET6
        data = socket.inet_pton(family, address)
        body += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 30, len(data)) + data
    return head + body


def udp(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, port))
    while True:
        data, peer = server.recvfrom(4096)
        if port != 53:
            say("udp", port)
            continue
        try:
            server.sendto(resolve(data, "dns"), peer)
        except Exception as error:
            say("dns", "broken", error)


def http(stream, scheme):
    """Answers requests until the client hangs up, and names the host of each."""
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            data = stream.recv(4096)
            if not data:
                return
            pending += data
        head, pending = pending.split(b"\r\n\r\n", 1)
        hosts = [line.split(b":", 1)[1].strip().decode() for line in head.split(b"\r\n") if line.lower().startswith(b"host:")]
        say(scheme, *hosts)
        stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nreached\n")


def serve(stream, address, port):
    say("tcp", address, port)
    if port in (22, 25):
        stream.sendall(b"SSH-2.0-range\r\n")
        stream.recv(64)
    elif port in (443, 853, 8443):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("/tmp/range.pem")
        context.sni_callback = lambda _, name, __: say("tls", name)
        http(context.wrap_socket(stream, server_side=True), "https")
    elif port == 53:
        size = struct.unpack(">H", stream.recv(2))[0]
        answer = resolve(stream.recv(size), "dns-tcp")
        stream.sendall(struct.pack(">H", len(answer)) + answer)
    elif port == 80:
        http(stream, "http")
    else:
        stream.recv(64)
        stream.sendall(b"reached\n")


def careful(stream, address, port):
    try:
        stream.settimeout(20)
        serve(stream, address, port)
    except Exception:
        pass
    finally:
        stream.close()


def tcp(port):
    server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("::", port))
    server.listen(64)
    while True:
        stream, _ = server.accept()
        address = stream.getsockname()[0].removeprefix("::ffff:")
        threading.Thread(target=careful, args=(stream, address, port), daemon=True).start()


for alias in (OTHER4 + "/24", RESOLVER + "/24", *NAMELESS):
    subprocess.run(["ip", "address", "add", alias, "dev", "eth0", *(["nodad"] if ":" in alias else [])], check=True)
subprocess.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=range -days 2 "
               "-keyout /tmp/key.pem -out /tmp/cert.pem 2>/dev/null && cat /tmp/key.pem /tmp/cert.pem > /tmp/range.pem",
               shell=True, check=True)
threads = [threading.Thread(target=tcp, args=(port,), daemon=True) for port in (22, 25, 53, 80, 443, 853, 5432, 8443)]
# An answer must come from the address that was asked.
threads += [threading.Thread(target=udp, args=(address, port), daemon=True)
            for address in (HOST4, RESOLVER, HOST6) for port in (53, 9999)]
for thread in threads:
    thread.start()
say("ready")
for thread in threads:
    thread.join()
