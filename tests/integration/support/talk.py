"""A batch whose standard input stays open."""

import json
import queue
import subprocess
import threading

from . import process

WAIT = 30


class Talk:
    """A batch that reads a pipe which stays open: write requests, read results."""

    def __init__(self, case, *options):
        self.child = process.spawn([case.program.binary, "copy", "--batch", "-", "--progress", "none", *options],
                                   env=case.program.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.results, self.errors = queue.Queue(), queue.Queue()
        self.threads = [threading.Thread(target=self._pass_on, args=(self.child.stdout, self.results), daemon=True),
                        threading.Thread(target=self._pass_on, args=(self.child.stderr, self.errors), daemon=True)]
        for thread in self.threads:
            thread.start()
        case.addCleanup(self._close)

    @staticmethod
    def _pass_on(stream, lines):
        for line in stream:
            lines.put(line.decode())

    def _close(self):
        process.stop(self.child)
        for thread in self.threads:
            thread.join(WAIT)
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            if not stream.closed:
                stream.close()

    def ask(self, **request):
        self.child.stdin.write(json.dumps(request).encode() + b"\n")
        self.child.stdin.flush()

    def answer(self, timeout=WAIT):
        return json.loads(self.results.get(timeout=timeout))

    def end(self):
        """No more requests; the exit code, and all results that are left."""
        self.child.stdin.close()
        return self.leave()

    def leave(self):
        code = self.child.wait(WAIT)
        for thread in self.threads:
            thread.join(WAIT)
        left = []
        while not self.results.empty():
            left.append(json.loads(self.results.get()))
        return 128 - code if code < 0 else code, left

    def complaints(self):
        lines = []
        while not self.errors.empty():
            lines.append(self.errors.get())
        return "".join(lines)
