"""Attacks on the network and on the sockets of the machine."""

from __future__ import annotations

from tests.chaos.hostile.case import CONTAINED, DENIED, Case, python, shell

STREAM, DATAGRAM = "socket.SOCK_STREAM", "socket.SOCK_DGRAM"


def connect(name: str, family: str, kind: str, address: str) -> Case:
    program = f"attempt({name!r}, lambda: connect(socket.{family}, {kind}, {address}))"
    return Case(name, (python(program),))


def open_socket(name: str, family: int, *kinds: str) -> Case:
    program = "\n".join(
        f"attempt({kind!r}, lambda: socket.socket({family}, socket.{kind}).fileno())"
        for kind in kinds
    )
    return Case(name, (python(program),))


CASES = (
    connect("TCP to the loopback", "AF_INET", STREAM, "('127.0.0.1', @tcp@)"),
    connect("TCP to another name of the loopback", "AF_INET", STREAM, "('127.1.2.3', @tcp@)"),
    connect("TCP to any address", "AF_INET", STREAM, "('0.0.0.0', @tcp@)"),
    connect("TCP to the machine's address", "AF_INET", STREAM, "('@address@', @tcp@)"),
    connect("TCP by IPv6", "AF_INET6", STREAM, "('::1', @tcp6@)"),
    connect("TCP by an IPv4 address in IPv6", "AF_INET6", STREAM, "('::ffff:127.0.0.1', @tcp@)"),
    connect("TCP to the metadata service", "AF_INET", STREAM, "('169.254.169.254', 80)"),
    connect("TCP to the internet", "AF_INET", STREAM, "('1.1.1.1', 443)"),
    connect("UDP to the loopback", "AF_INET", DATAGRAM, "('127.0.0.1', @udp@)"),
    connect("UDP to the machine's address", "AF_INET", DATAGRAM, "('@address@', @udp@)"),
    connect("DNS by UDP", "AF_INET", DATAGRAM, "('8.8.8.8', 53)"),
    connect("a Unix socket", "AF_UNIX", STREAM, "'@unix@'"),
    connect("a Unix socket for datagrams", "AF_UNIX", DATAGRAM, "'@datagram@'"),
    connect("a Unix socket of the system", "AF_UNIX", STREAM, "'@system@'"),
    connect("an abstract Unix socket", "AF_UNIX", STREAM, "chr(0) + '@unix@'"),
    Case(
        "a Unix socket by a link",
        (
            python(
                """
                os.symlink('@unix@', 'link')
                for path in ('link', '/proc/self/root@unix@'):
                    attempt(path, lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, path))
                """
            ),
        ),
    ),
    Case(
        "TCP by the shell",
        (
            shell(
                "echo leak > /dev/tcp/127.0.0.1/@tcp@",
                "exec 3> /dev/udp/127.0.0.1/@udp@ && echo leak >&3 && echo leak >&3",
            ),
        ),
    ),
    Case(
        "a host's name",
        (python("attempt('name', lambda: socket.getaddrinfo('example.com', 443))"),),
    ),
    open_socket("raw sockets", 2, "SOCK_RAW"),
    open_socket("packet sockets", 17, "SOCK_RAW", "SOCK_DGRAM"),
    open_socket("sockets of virtual machines", 40, "SOCK_STREAM", "SOCK_DGRAM"),
    open_socket("sockets of the kernel's ciphers", 38, "SOCK_SEQPACKET"),
    Case(
        "sockets of rare families",
        (
            python(
                """
                for family in {*range(64)} - {1, 2, 10, 16}:
                    for kind in (1, 2, 3, 5):
                        attempt(family, lambda: socket.socket(family, kind).fileno())
                """
            ),
        ),
    ),
    Case(
        "settings of the network",
        (
            python(
                """
                with_netlink = lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
                add_address = struct.pack('IHHIIBBBBI', 24, 20, 0x505, 1, 0, 2, 8, 0, 0, 1)
                def add():
                    with with_netlink() as netlink:
                        netlink.sendto(add_address, (0, 0))
                        number = struct.unpack_from('i', netlink.recv(4096), 16)[0]
                        if number:
                            raise OSError(-number, os.strerror(-number))
                attempt('address', add)
                """
            ),
        ),
    ),
    Case(
        "a service of its own",  # a loopback of its own, or no sockets at all
        (
            python(
                """
                def serve():
                    with socket.create_server(('127.0.0.1', @tcp@)):
                        return connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', @tcp@))
                attempt('serve', serve)
                """
            ),
        ),
        CONTAINED,
        DENIED,
    ),
)
