"""What stands between the program and a registry: a bad line in front of a port of the loopback (slow, narrow, or cut in the middle;
built on the delaying proxy of bench/), and proxies that want a login."""

import pathlib
import select
import socket
import sys
import threading

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from delay_proxy import DelayProxy  # noqa: E402  (it lies in another directory)
from registry import Account  # noqa: E402
from support.wire import CHUNK, Headers, Request, Response, Server, reset  # noqa: E402


class BadLine(DelayProxy):
    """`delay`: seconds each way. `bytes_per_second`: what each direction of a connection carries. `cuts`: after how many bytes
    towards the client the first, second, … connection is reset on both sides (None: never); later ones live. `listener`:
    a socket to listen at instead of one of its own. Serves in a thread until stop()."""

    def __init__(self, port, delay=0.0, bytes_per_second=None, cuts=(), listener=None):
        self._stop, ends = socket.socketpair()
        self.rate, self.cuts = bytes_per_second, list(cuts)
        self.was_cut = 0
        super().__init__(port, delay, ends)
        if listener:
            self.take(listener)
        self.host = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()

    def take(self, listener):
        self.epoll.unregister(self.listener)
        self.listener.close()
        self.listener, self.port = listener, listener.getsockname()[1]
        self.listener.setblocking(False)
        self.epoll.register(self.listener, select.EPOLLIN)

    def stop(self):
        self._stop.close()
        self._thread.join(5)
        for side in list(self.sides.values()):
            side.socket.close()
        for left in (self.listener, self.ends, self.epoll):
            left.close()

    def due_time(self, side, data):
        due = super().due_time(side, data)
        if self.rate:
            due = max(due, getattr(side, "busy_until", 0.0)) + len(data) / self.rate
            side.busy_until = due
        return due

    def accept(self):
        known = set(self.sides.values())
        super().accept()
        for side in set(self.sides.values()) - known:
            if side.server and self.cuts:
                side.left = self.cuts.pop(0)

    def read(self, side):
        before = side.under_way
        super().read(side)
        left = getattr(side, "left", None)
        if left is None:
            return
        side.left = left - (side.under_way - before)
        if side.left <= 0 and side.socket.fileno() >= 0:
            self.was_cut += 1
            for each in (side, side.peer):
                del self.sides[each.socket.fileno()]
                reset(each.socket)


class Forwarder:
    """A proxy for plain http that wants a login, in front of `servers`."""

    def __init__(self, servers):
        self.account = Account("proxy")
        self.behind = {server.host: server for server in servers}
        self.server = Server(self.handle)
        self.host, self.stop = self.server.host, self.server.stop

    @property
    def journal(self):
        return self.server.journal

    def handle(self, request):
        if request.headers.get("Proxy-Authorization") != f"Basic {self.account.basic}":
            request.body()
            return Response.of(407, Proxy_Authenticate='Basic realm="proxy"')
        host = request.target.removeprefix("http://").partition("/")[0]
        request.headers.remove("Proxy-Authorization")  # as a proxy does before it passes a request on
        request.path = "/" + request.path.removeprefix("http://").partition("/")[2]
        server = self.behind[host]
        with server.server.lock:
            server.journal.append(request)
        return server._handle(request)


class Tunnel:
    """A proxy that wants a login for CONNECT; what goes through is none of its business."""

    def __init__(self):
        self.account, self.journal = Account("proxy"), []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                while (request := self._request(client)) is not None:
                    if request.headers.get("Proxy-Authorization") == f"Basic {self.account.basic}":
                        return self._splice(client, request.target)
                    client.sendall(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n')
            except OSError:
                pass

    def _request(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = client.recv(1)  # what comes behind the head is for the other end
            if not data:
                return None
            head += data
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        method, target, _ = first.split()
        headers = Headers((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        self.journal.append(Request(len(self.journal) + 1, 0, method, target, headers))
        return self.journal[-1]

    def _splice(self, client, target):
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            ends = {client: server, server: client}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(CHUNK)
                    if not data:
                        return
                    ends[end].sendall(data)
