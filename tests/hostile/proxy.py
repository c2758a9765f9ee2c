"""A bad line in front of a port of the loopback: slow, narrow, or cut in the middle. Built on the delaying proxy of bench/."""

import pathlib
import select
import socket
import sys
import threading

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from delay_proxy import DelayProxy  # noqa: E402  (it lies in another directory)
from support.wire import reset  # noqa: E402


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
