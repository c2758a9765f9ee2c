"""HTTP/1.1 on raw sockets: a server that can also break every rule, which http.server would prevent."""

import http
import select
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

CHUNK = 65536


class ClientGone(Exception):
    """The client closed or broke the connection."""


class Headers:
    """Names compare without case; several values of one name are kept in order."""

    def __init__(self, pairs=()):
        self.pairs = list(pairs)

    def get(self, name, default=None):
        return next((value for key, value in self.pairs if key.lower() == name.lower()), default)

    def all(self, name):
        return [value for key, value in self.pairs if key.lower() == name.lower()]

    def set(self, name, value):
        self.remove(name)
        self.pairs.append((name, str(value)))

    def remove(self, name):
        self.pairs = [(key, old) for key, old in self.pairs if key.lower() != name.lower()]

    def __contains__(self, name):
        return self.get(name) is not None


@dataclass
class Request:
    """One request. The body is read by whoever handles it, through body()."""

    number: int  # counted from 1 over the life of the server
    connection: int
    method: str
    target: str
    headers: Headers
    stream: object = None
    started: float = field(default_factory=time.monotonic)
    body_received: int = 0
    body_complete: bool = False
    status: int = 0  # of the answer; 0 while there is none
    body_sent: int = 0

    def __post_init__(self):
        parts = urllib.parse.urlsplit(self.target)
        self.path = urllib.parse.unquote(parts.path)
        self.query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)

    def argument(self, name, default=None):
        return self.query.get(name, [default])[0]

    @property
    def writes(self):
        return self.method in ("POST", "PUT", "PATCH", "DELETE")

    def chunks(self):
        """The body piece by piece, counting what arrives even where it breaks off."""
        if self.body_complete:
            return
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            while (size := int(self._line().split(b";")[0], 16)) > 0:
                yield from self._exactly(size)
                self._line()
            while self._line():
                pass
        else:
            yield from self._exactly(int(self.headers.get("Content-Length", 0)))
        self.body_complete = True

    def body(self):
        return b"".join(self.chunks())

    def _line(self):
        line = self.stream.readline(CHUNK)
        if not line.endswith(b"\n"):
            raise ClientGone("in a chunk header")
        return line.strip()

    def _exactly(self, size):
        while size > 0:
            data = self.stream.read1(min(size, CHUNK))
            if not data:
                raise ClientGone(f"{size} bytes of the body missing")
            self.body_received += len(data)
            size -= len(data)
            yield data


@dataclass
class Response:
    """What to send and how to spoil it. `cut_after` n: reset the connection after n body bytes. `stall_after` n: then send
    nothing more until the server stops. `declared`: a Content-Length of its own (None: the true one, '': none, chunked).
    `raw`: pieces of bytes that are sent as they are, head and all, instead of an answer; then the connection ends."""

    status: int = 200
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    cut_after: int | None = None
    stall_after: int | None = None
    bytes_per_second: int | None = None
    declared: int | str | None = None
    close: bool = False
    drop: bool = False  # no answer at all: reset
    raw: object = None
    hang_up: bool = False  # closes behind the answer, which does not say so

    @classmethod
    def of(cls, status, body=b"", content_type=None, **headers):
        response = cls(status, Headers((name.replace("_", "-"), str(value)) for name, value in headers.items()), body)
        if content_type:
            response.headers.set("Content-Type", content_type)
        return response


class Server:
    """Serves until stop(). `handle(request)` returns a Response and may raise ClientGone. The journal holds every request."""

    def __init__(self, handle, address="127.0.0.1", tls=None, tls_version=None):
        self._handle = handle
        self.journal = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(tls.certificate, tls.key)
            if tls_version:  # an old one: OpenSSL 3 has to be talked into it
                self._context.set_ciphers("ALL:@SECLEVEL=0")
                self._context.minimum_version = self._context.maximum_version = tls_version
        self._listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, 0))
        self._listener.listen(128)
        self.address, self.port = address, self._listener.getsockname()[1]
        self.host = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self.connections = 0
        self.resumed = 0  # of them those whose TLS session was one of an earlier connection
        self.open_connections = set()
        self.not_http = []  # first bytes of connections that did not speak HTTP (a TLS hello, say)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self):
        self.stopping.set()
        self._listener.close()
        self._thread.join(5)
        with self.lock:
            for connection in list(self.open_connections):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self):
        while not self.stopping.is_set():
            try:
                ready, _, _ = select.select([self._listener], [], [], 0.1)
                if not ready:
                    continue
                connection, _ = self._listener.accept()
            except (OSError, ValueError):
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection, number):
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with self.lock:
                self.resumed += bool(self._context and connection.session_reused)
                self.open_connections.add(connection)
            with connection.makefile("rb") as stream:
                while not self.stopping.is_set() and self._exchange(connection, stream, number):
                    pass
        except (ClientGone, OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open_connections.discard(connection)
            connection.close()

    def _exchange(self, connection, stream, number):
        """One request and its answer. False: the connection ends."""
        line = stream.readline(CHUNK)
        if not line:
            return False
        parts = line.split()
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            with self.lock:
                self.not_http.append(line[:16])
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        headers = Headers()
        while (header := stream.readline(CHUNK).strip()):
            name, _, value = header.decode("latin-1").partition(":")
            headers.pairs.append((name.strip(), value.strip()))
        with self.lock:
            request = Request(len(self.journal) + 1, number, parts[0].decode(), parts[1].decode("latin-1"), headers, stream)
            self.journal.append(request)
        response = self._handle(request)
        if response.drop:
            reset(connection)
            return False
        request.status = response.status
        if response.raw is not None:
            self._send_raw(connection, request, response.raw)
            return False
        self._send(connection, request, response)
        if response.hang_up or response.close or not request.body_complete and request.headers.get("Content-Length", "0") != "0":
            return False  # what is left of the body must not be taken for a request
        return (headers.get("Connection") or "").lower() != "close"

    def _send_raw(self, connection, request, pieces):
        for piece in pieces:
            if self.stopping.is_set():
                return
            connection.sendall(piece)
            request.body_sent += len(piece)

    def _send(self, connection, request, response):
        body = response.body
        empty = request.method == "HEAD" or response.status in (204, 304) or 100 <= response.status < 200
        lines = [f"HTTP/1.1 {response.status} {http.HTTPStatus(response.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers.pairs]
        chunked = response.declared == ""
        if chunked and not empty:
            lines.append("Transfer-Encoding: chunked")
        elif not chunked and "Content-Length" not in response.headers and response.status != 204:
            lines.append(f"Content-Length: {len(body) if response.declared is None else response.declared}")
        if response.close:
            lines.append("Connection: close")
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        if empty:
            return
        limits = [limit for limit in (response.cut_after, response.stall_after) if limit is not None]
        limit = min([len(body), *limits])
        step = CHUNK if not response.bytes_per_second else max(1, response.bytes_per_second // 10)
        for start in range(0, limit, step):
            part = body[start : min(start + step, limit)]
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            request.body_sent += len(part)
            if response.bytes_per_second and self.stopping.wait(0.1):
                return
        if response.stall_after is not None:
            wait_for_close(connection, self.stopping)
            raise ClientGone("stalled")
        if response.cut_after is not None:
            self.stopping.wait(0.2)  # a reset throws away what the client has not read yet
            reset(connection)
            raise ClientGone("cut")
        if chunked:
            connection.sendall(b"0\r\n\r\n")


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_for_close(connection, stopping):
    """Returns when the other side has closed or the server stops."""
    while not stopping.is_set():
        ready, _, _ = select.select([connection], [], [], 0.1)
        if ready:
            try:
                if not connection.recv(CHUNK):
                    return
            except OSError:
                return
