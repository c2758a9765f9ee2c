"""Runs under strace, which ends the program or fails a call at one chosen position.

strace counts `when=N` for each thread and each kind of call. So a trace follows one thread only: the first from its start, a
worker from the moment at which the test holds the program up."""

import collections
import os
import re
from dataclasses import dataclass, field

from support import process

REQUESTS = ("sendto", "sendmsg")
FILES = ("write", "pwrite64", "copy_file_range", "ftruncate", "fsync", "fdatasync", "rename", "renameat", "renameat2", "mkdirat",
         "openat")
WRITES = REQUESTS + FILES
DESCRIPTORS = ("openat", "openat2", "socket", "socketpair", "pipe2", "eventfd2", "signalfd4", "epoll_create1", "timerfd_create",
               "inotify_init1", "dup", "dup3")
# Not brk: it fails by returning what it would not change, which strace can't do.
MEMORY = ("mmap", "mprotect", "mremap", "clone3")
LOADED = "munmap"  # the loader's first: what it knew of the libraries, when all of them are there
LINE = re.compile(r"^(?:(\d+) +)?(\w+)\((.*)$")
# A path behind a descriptor, or a quoted one.
DESCRIPTOR = re.compile(r"^(\d+)<(.*?)>(?:\(deleted\))?[,) ]")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
REQUEST = re.compile(r"^(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S{1,50}")
HELLO = r"\26\3"  # as strace writes the first bytes of a TLS connection
STANDARD = {"1": "standard output", "2": "standard error"}
PORT = re.compile(r":\d+$")
RANDOM = re.compile(r"\.[0-9a-f]{16}\.tmp")
DIRECTORY = re.compile(r"^fl-test-.*")  # the test's own


@dataclass(frozen=True)
class Position:
    """The `number`th `call` of the thread. `target` is the file, the kind of descriptor, or what is sent, without what differs from
    run to run; `arguments` are those of one run."""

    call: str
    number: int
    target: str
    arguments: str = field(compare=False, repr=False, default="")

    def __str__(self):
        return f"{self.call} {self.number} ({self.target})"

    @property
    def is_file(self):
        return not self.target.startswith(("socket:", "anon_inode:", "pipe:"))


class Trace:
    """The positions of each thread that was followed, in the order in which the threads made their first calls."""

    def __init__(self):
        self.threads, self.injected, self.killed = {}, [], False

    @property
    def positions(self):
        """Where one thread was followed."""
        return next(iter(self.threads.values()), [])


def target_of(call, rest):
    if call in REQUESTS:
        return f"socket: {sent_in(rest)}"
    if call in ("openat", "openat2", "mkdirat", "rename", "renameat", "renameat2"):
        return file_of(QUOTED.findall(rest)[-1])
    if call in DESCRIPTORS:
        return rest.partition(",")[0]
    if call in MEMORY:
        return ", ".join(rest.split(", ")[2:4]) if call == "mmap" else "memory"
    number, path = DESCRIPTOR.match(rest).groups()
    if number in STANDARD:
        return STANDARD[number]
    return file_of(path) if path.startswith("/") else re.split(r"[:\[]", path)[0] + ":"


def sent_in(rest):
    """What it is, without what differs from run to run: random numbers, names of sessions, which list is read first."""
    sent = QUOTED.search(rest)[1]
    if sent.startswith(HELLO):
        return "TLS hello"
    request = REQUEST.match(sent)
    if not request:
        return "body"
    return re.sub(r"/v2/\w+/tags/", "/v2/*/tags/", re.sub(r"(uploads/)[^?].*", r"\1...", request[0]))


def file_of(path):
    return DIRECTORY.sub("fl-test-*", PORT.sub(":*", RANDOM.sub(".*.tmp", os.path.basename(path))))


def relevant(call, rest, calls):
    """Opening for reading is no position of what writes; what the loader opens is none of the program."""
    return call != "openat" or "O_CREAT" in rest or calls == DESCRIPTORS and ".so" not in rest


def read_trace(path, calls=WRITES):
    counts, trace, loading = collections.Counter(), Trace(), calls == MEMORY
    for line in path.read_text(errors="replace").splitlines():
        trace.killed = trace.killed or "killed by SIGKILL" in line
        match = LINE.match(line)
        if not match:
            continue
        thread, call, rest = match.groups()
        if call == "execve":  # what came before was another program's
            trace.threads.pop(thread, None)
            loading = calls == MEMORY
        if call not in calls and call != LOADED:
            continue
        counts[thread, call] += 1
        loading = loading and call != LOADED
        if not loading and call != LOADED and relevant(call, rest, calls):
            position = Position(call, counts[thread, call], target_of(call, rest), rest)
            trace.threads.setdefault(thread, []).append(position)
            if "(INJECTED)" in rest:
                trace.injected.append(position)
    return trace


def kill(position):
    return ("-e", f"inject={position.call}:signal=KILL:when={position.number}")


def failure(position, error):
    return ("-e", f"inject={position.call}:error={error}:when={position.number}")


def failures_from(position, positions, error, calls):
    """From the position on: also of the other calls that come behind it."""
    injection = []
    for call in calls:
        later = [other for other in positions[positions.index(position):] if other.call == call]
        first = later[0].number if later else 1 + max((other.number for other in positions if other.call == call), default=0)
        injection += ["-e", f"inject={call}:error={error}:when={first}+"]
    return injection


def command(log, injection=(), all_threads=False, calls=WRITES):
    return ("strace", "-y", "-s", "80", "-o", log, *(["-f"] if all_threads else []),
            "-e", f"trace=execve,{','.join(calls)}{f',{LOADED}' if calls == MEMORY else ''}", *injection)


def first_thread(scene, injection=(), all_threads=False, calls=WRITES):
    """A run of the scene whose first thread is followed. Returns the result and the trace."""
    log = scene.case.directory / "strace.log"
    result = scene.run((*command(log, injection, all_threads, calls), "setpriv", "--pdeathsig", "KILL"))
    return result, read_trace(log, calls)


def tasks(pid):
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))


def traced(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return "TracerPid:\t0\n" not in status.read()
    except FileNotFoundError:
        return True


def held_thread(scene, injection=(), which=None, calls=WRITES):
    """A run of the scene that is held up, and of which then thread `which` (in the order of their birth) is followed, or all.
    Returns the result, the trace, and the threads that there were."""
    log = scene.case.directory / "strace.log"
    hold = scene.hold()
    run = scene.start()
    scene.case.assertTrue(hold.reached())
    threads = tasks(run.pid)
    chosen = threads if which is None else [threads[which]]
    follow = [argument for thread in chosen for argument in ("-p", str(thread))]
    with open(os.devnull, "wb") as nowhere:
        strace = process.spawn([*command(log, injection, calls=calls), *follow], stderr=nowhere)
    try:
        process.wait_until(lambda: all(map(traced, chosen)), what="strace at its threads")
        hold.release()
        result = run.wait(60)
        strace.wait(10)
    finally:
        process.stop(strace)
    return result, read_trace(log, calls), threads


def positions_of_first_thread(scene_class, image, alone=False, calls=WRITES):
    """For discover(). `alone`: no other thread makes any of these calls."""

    def find(case):
        result, trace = first_thread(scene_class(case, image), all_threads=True, calls=calls)
        case.assertEqual(result.exit_code, 0, result)
        case.assertTrue(len(trace.threads) == 1 or not alone, trace.threads)
        return trace.positions

    return find


def positions_of_worker(scene_class, image, calls=WRITES):
    """For discover(): which of the threads that there are while the run is held up writes, and its positions from then on."""

    def find(case):
        result, trace, threads = held_thread(scene_class(case, image), calls=calls)
        case.assertEqual(result.exit_code, 0, result)
        workers = {threads.index(int(thread)): positions for thread, positions in trace.threads.items()
                   if int(thread) != threads[0]}
        case.assertEqual(len(workers), 1, "one worker does it all")
        return workers.popitem()

    return find
