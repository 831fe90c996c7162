"""What a function sees of interfaces and routes, by every way that Linux has to ask."""

from typing import Final

SOURCE: Final = '''
import array, errno, fcntl, json, os, socket, struct, sys
RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 20, 24
TABLE_LOCAL, HEADER, DUMP = 255, 16, 0x301

def dump(question, answer, body):
    """Every message of a netlink dump (rtnetlink(7)), without its header."""
    found = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asking:
        asking.settimeout(5)
        asking.send(struct.pack("IHHII", HEADER + len(body), question, DUMP, 1, 0) + body)
        while True:
            data = asking.recv(1 << 16)
            while data:
                length, kind, *_ = struct.unpack_from("IHHII", data)
                if kind == 3:  # NLMSG_DONE
                    return found
                if kind == 2:  # NLMSG_ERROR
                    number = -struct.unpack_from("i", data, HEADER)[0]
                    raise OSError(number, os.strerror(number))
                if kind == answer:
                    found.append(data[HEADER:length])
                data = data[length + 3 & ~3:]

def attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("HH", data)
        found[kind] = data[4:length]
        data = data[length + 3 & ~3:]
    return found

def links():
    return [attributes(one[16:])[3].rstrip(b"\\0").decode() for one in dump(18, RTM_NEWLINK, bytes(16))]

def addresses():
    return [one[0] in (2, 10) and socket.inet_ntop(one[0], attributes(one[8:])[1]) for one in dump(22, RTM_NEWADDR, bytes(8))]

def routes(family):
    """Those outside of the local table, by the interface that they go out of."""
    found = []
    for one in dump(26, RTM_NEWROUTE, bytes([family]) + bytes(11)):
        more = attributes(one[12:])
        table = struct.unpack("I", more[15])[0] if 15 in more else one[4]
        if table != TABLE_LOCAL:
            out = struct.unpack("I", more[4])[0] if 4 in more else 0
            try:
                out = socket.if_indextoname(out)
            except OSError:
                pass
            found.append(f"{one[1]} bits by {out}")
    return found

def configured():
    """SIOCGIFCONF (netdevice(7)): those that have an address."""
    room = array.array("B", bytes(40 * 64))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, 0x8912, struct.pack("iP", len(room), room.buffer_info()[0]))
    return [bytes(room[at:at + 16]).rstrip(b"\\0").decode() for at in range(0, struct.unpack_from("i", answer)[0], 40)]

def lines(path, skip):
    with open(path) as file:
        return [line.split() for line in file][skip:]

WAYS = {
    "interfaces": {
        "if_nameindex": lambda: [name for _, name in socket.if_nameindex()],
        "RTM_GETLINK": links,
        "SIOCGIFCONF": configured,
        "/sys/class/net": lambda: os.listdir("/sys/class/net"),
        "/proc/net/dev": lambda: [words[0].partition(":")[0] for words in lines("/proc/net/dev", 2)],
    },
    "addresses": {"RTM_GETADDR": addresses},
    "routes": {
        "RTM_GETROUTE": lambda: routes(socket.AF_INET),
        "RTM_GETROUTE of IPv6": lambda: routes(socket.AF_INET6),
        "/proc/net/route": lambda: [words[0] for words in lines("/proc/net/route", 1)],
        "/proc/net/ipv6_route": lambda: [words[-1] for words in lines("/proc/net/ipv6_route", 0) if words[-1] != "lo"],
    },
}

def look(way):
    try:
        return sorted(map(str, way()))
    except OSError as error:
        return errno.errorcode[error.errno]

def f():
    return {what: {name: look(way) for name, way in ways.items()} for what, ways in WAYS.items()}
'''
"""A function; as a program it needs no more than `print(json.dumps(f()))`. An error's name stands for what cannot be asked."""
