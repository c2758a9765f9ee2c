#!/usr/bin/python3
"""A distant server on this machine: passes TCP connections on to a port of the loopback, with a delay each way. Setting up a
connection costs one round trip, as it would on the way to a distant host; throughput is not limited.

    bench/delay_proxy.py PORT MILLISECONDS

Prints its own port on a line, runs until its standard input ends, and prints how many connections there were at the same time, as JSON. One thread and one epoll: a message costs it some 20 µs, so that it
keeps up with hundreds of connections."""
import collections
import heapq
import itertools
import json
import select
import socket
import sys
import time

CHUNK = 1 << 18
# What one direction may have on the way before its sender has to wait: enough for gigabits per second at tens of milliseconds.
WINDOW = 16 << 20
READ, WRITE = select.EPOLLIN, select.EPOLLOUT
END = b""


class Side:
    """One socket of a pair."""

    def __init__(self, connection, server=False):
        self.socket, self.server = connection, server
        self.peer = None
        self.open_from = 0.0  # nothing leaves this side earlier: its connection is being set up
        self.under_way = 0  # bytes read here that the peer's socket has not taken yet
        self.outgoing = collections.deque()  # due, and not yet taken by this socket
        self.reads, self.ended = True, False
        self.mask = 0


class DelayProxy:
    """run() ends when `ends` (a file or a socket) has something to read, or has ended."""

    def __init__(self, port, delay, ends=sys.stdin):
        self.target, self.delay, self.ends = ("127.0.0.1", port), delay, ends
        self.epoll, self.sides = select.epoll(), {}
        self.due, self.order = [], itertools.count()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.most = 0
        for watched in (self.listener, ends):
            self.epoll.register(watched, READ)
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            wait = max(self.due[0][0] - time.monotonic(), 0) if self.due else -1
            for number, events in self.epoll.poll(wait):
                if number == self.ends.fileno():
                    return
                if number == self.listener.fileno():
                    self.accept()
                elif (side := self.sides.get(number)) is not None:
                    if events & WRITE:
                        self.write(side)
                    if events & ~WRITE and number in self.sides:
                        self.read(side)
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                _, _, side, data = heapq.heappop(self.due)
                if side.socket.fileno() >= 0:
                    side.outgoing.append(data)
                    self.write(side)

    def accept(self):
        while True:
            try:
                client = Side(self.listener.accept()[0])
            except BlockingIOError:
                return
            try:
                server = Side(socket.create_connection(self.target), True)
            except OSError:
                client.socket.close()
                continue
            client.peer, server.peer = server, client
            client.open_from = server.open_from = time.monotonic() + 2 * self.delay
            for side in (client, server):
                side.socket.setblocking(False)
                side.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sides[side.socket.fileno()] = side
                side.mask = READ
                self.epoll.register(side.socket, READ)
            self.most = max(self.most, len(self.sides) // 2)

    def read(self, side):
        try:
            data = side.socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self.close(side)
            return
        side.under_way += len(data)
        side.reads = data != END and side.under_way < WINDOW
        side.ended = side.ended or data == END
        self.watch(side)
        heapq.heappush(self.due, (self.due_time(side, data), next(self.order), side.peer, data))

    def due_time(self, side, data):
        """When what was read from `side` reaches the other one."""
        return max(time.monotonic(), side.open_from) + self.delay

    def write(self, side):
        """Sends what is due; a connection that broke is closed on both sides at once."""
        try:
            while side.outgoing:
                data = side.outgoing[0]
                if data == END:
                    side.outgoing.clear()
                    self.finish(side)
                    return
                sent = side.socket.send(data)
                side.peer.under_way -= sent
                if sent < len(data):
                    side.outgoing[0] = data[sent:]
                    break
                side.outgoing.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self.close(side)
            return
        peer = side.peer
        if not peer.reads and not peer.ended and peer.under_way < WINDOW // 2:
            peer.reads = True
            self.watch(peer)
        self.watch(side)

    def finish(self, side):
        """The peer has ended and all it said is delivered."""
        if side.ended:
            self.close(side)
            return
        try:
            side.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close(side)

    def watch(self, side):
        mask = (READ if side.reads else 0) | (WRITE if side.outgoing else 0)
        if mask == side.mask or side.socket.fileno() < 0:
            return
        if not side.mask:
            self.epoll.register(side.socket, mask)
        elif not mask:  # a socket that hung up would be reported for ever
            self.epoll.unregister(side.socket)
        else:
            self.epoll.modify(side.socket, mask)
        side.mask = mask

    def close(self, side):
        for each in (side, side.peer):
            if each.socket.fileno() >= 0:
                del self.sides[each.socket.fileno()]
                each.socket.close()


def main():
    proxy = DelayProxy(int(sys.argv[1]), float(sys.argv[2]) / 1000)
    print(proxy.port, flush=True)
    proxy.run()
    print(json.dumps({"connections": proxy.most}), flush=True)


if __name__ == "__main__":
    main()
