"""Signals, kills, disks that are full, and what other runs do at the same time."""

import os
import signal
import subprocess
import time

from row import COPY, TREE, Row, named
from support import faults, images, oracle, process
from support.runner import sanitized, strange_files_in_layout

REPLY = 30  # seconds until a run that was told to end is taken for one that never does
NOBODY = 65534
SIGNALS = {"term": (signal.SIGTERM,), "int": (signal.SIGINT,)}
GAVE_UP = "left behind|clean-up took longer than"


def started(stage, options=(), **more):
    run = stage.program.start(*stage.arguments(options), env=stage.env, **more)
    stage.case.addCleanup(lambda: run.alive() and run.send_signal(signal.SIGKILL))
    return run


def old_or_new(stage):
    """The destination's tag is one of the two, and whole."""
    tags = stage.destination.repository("app").tags
    stage.case.assertIn(tags, ({"v1": stage.old.digest}, {"v1": stage.image.digest}))
    stage.judge.whole()


# --- 103, 104: kills and signals


def killed(stage, number):
    """kill -9 as request `number` of either registry arrives."""
    running, seen = [], []

    def kill(_):
        seen.append(1)
        if len(seen) == number:
            process.wait_until(lambda: running, what="the process id")
            os.kill(running[0].pid, signal.SIGKILL)

    for registry in (stage.source, stage.destination):
        registry.rule("*", "/", faults.Call(kill))
    running.append(started(stage))
    result = running[0].wait(60)
    stage.case.assertIn(result.exit_code, (137, 0) if number > 20 else (137,), result)
    process.wait_until(lambda: not stage.destination.server.open_connections, what="the end of its connections")
    old_or_new(stage)
    stage.heal()
    stage.destination.uploads.clear()  # nobody could cancel them
    held, since = set(stage.destination.repository("app").blobs), len(stage.destination.journal)
    stage.judge.converges("killed")
    again = {request.argument("digest") for request in stage.destination.requests("PUT", stage.uploads, since=since)}
    stage.case.assertEqual(again & held, set(), "what had arrived is not sent again")


def killed_while_writing_a_layout(stage, number):
    layout = images.write_layout(stage.old, stage.case.directory / "out", "v1")
    stage.destination_reference = f"oci:{layout}:v1"
    running, seen = [], []

    def kill(_):
        seen.append(1)
        if len(seen) == number:
            process.wait_until(lambda: running, what="the process id")
            os.kill(running[0].pid, signal.SIGKILL)

    stage.source.rule("GET|HEAD", "/", faults.Call(kill))
    running.append(started(stage))
    stage.case.assertEqual(running[0].wait(60).exit_code, 137)
    layout_is(stage, layout, stage.old)
    stage.heal()
    layout_converges(stage, layout)


def layout_is(stage, layout, *wanted):
    found = oracle.verify_layout(layout, "v1")
    stage.case.assertIn(found.digest, [image.digest for image in wanted])


def layout_converges(stage, layout):
    result = stage.run()
    stage.case.assertEqual(result.exit_code, 0, result)
    layout_is(stage, layout, stage.image)
    stage.case.assertEqual(strange_files_in_layout(layout), [], "temporary files of a run that is gone are swept")
    before = {path: path.stat().st_mtime_ns for path in layout.rglob("*")}
    since = len(stage.source.journal)
    result = stage.run()
    stage.case.assertEqual(result.exit_code, 0, result)
    stage.case.assertEqual(stage.source.requests("GET", "/blobs/", since=since), [])
    stage.case.assertEqual({path: path.stat().st_mtime_ns for path in layout.rglob("*")}, before, "nothing is written")


def quiet(stage):
    """Returns when all but the slow transfer has been done."""
    seen = -1
    while seen != (seen := stage.request_count()):
        time.sleep(0.4)


def in_a_transfer(stage):
    """A run in the middle of a blob."""
    stage.source.rule("GET", stage.blob, faults.Throttle(500))
    run = started(stage)
    process.wait_until(lambda: stage.destination.open_uploads() and any(
        request.body_sent for request in stage.source.requests("GET", stage.blob)), 30, what="an upload under way")
    quiet(stage)
    return run


def ends_by(stage, run, number, limit):
    """The signal ends it within `limit` seconds."""
    began = time.monotonic()
    run.send_signal(number)
    result = run.wait(REPLY)
    taken = time.monotonic() - began
    result.requests, result.peak_rss_kib = 0, 0
    stage.case.assertEqual(result.exit_code, 128 + number, result)
    stage.case.assertLess(taken, stage.judge.seconds(limit), result)
    return result


def signalled(stage, number):
    """It has 5 s to clean up, and says so where those were not enough."""
    run = in_a_transfer(stage)
    asked = len(stage.source.journal)
    result = ends_by(stage, run, number, 5.5)
    stage.case.assertNotRegex(result.stderr, GAVE_UP)
    stage.judge.after(result, "cancelled")
    stage.case.assertEqual(len(stage.source.requests("GET|HEAD", "/(blobs|manifests)/", since=asked)), 0, "no new work")
    stage.heal()
    stage.judge.converges("cancelled")


def signalled_twice(stage, number):
    """Nothing answers while it cleans up: the second signal ends it at once, long before the 5 s of the first are over."""
    hold = faults.Hold()
    stage.case.addCleanup(hold.release)
    run = in_a_transfer(stage)
    stage.destination.rule("DELETE|GET", stage.uploads, hold)
    run.send_signal(number)
    stage.case.assertTrue(hold.reached())
    result = ends_by(stage, run, number, 3)
    hold.release()
    stage.case.assertNotRegex(result.stderr, GAVE_UP)
    old_or_new(stage)
    stage.judge.secrets(result)
    stage.heal()
    process.wait_until(lambda: not stage.destination.server.open_connections, what="the end of its connections")
    stage.destination.uploads.clear()  # nobody could cancel them
    stage.judge.converges("cancelled")


# --- 105 to 108: the local file system


def injected(stage, call, error, number):
    """strace makes the nth such call of a thread fail; one job, so that there are few threads."""
    layout = images.write_layout(stage.old, stage.case.directory / "out", "v1")
    stage.destination_reference = f"oci:{layout}:v1"
    log = stage.case.directory / "strace.log"
    if call == "write" and stage.case.has_sanitizer("tsan"):
        number += 1  # its first one is a file of TSan's
    # LeakSanitizer can't work under strace.
    prefix = (*sanitized(detect_leaks=0), "strace", "-f", "-qq", "-o", log,
              "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}")
    result = stage.run(("--jobs", "1", "--retries", "0"), prefix=prefix)
    hit = "(INJECTED)" in log.read_text()
    stage.case.assertTrue(hit, f"{call} number {number} was never reached\n{result}")
    stage.case.assertEqual(result.exit_code, 11, result)
    layout_is(stage, layout, stage.old, stage.image)
    stage.judge.secrets(result)
    stage.case.check_run(result)
    layout_converges(stage, layout)


def file_too_large(stage):
    layout = images.write_layout(stage.old, stage.case.directory / "out", "v1")
    stage.destination_reference = f"oci:{layout}:v1"
    result = stage.run(("--retries", "0"), prefix=("prlimit", "--fsize=100000"))
    stage.case.assertEqual(result.exit_code, 11, result)
    layout_is(stage, layout, stage.old)
    layout_converges(stage, layout)


def few_descriptors(stage, limit):
    """Fewer than a run would like to have: it ends with a class, and whole or not at all."""
    result = stage.run(("--retries", "1"), prefix=(*sanitized(), "prlimit", f"--nofile={limit}"))
    stage.case.assertIn(result.exit_code, (0, 3, 4, 11), result)  # 4: the logins can't be read
    stage.case.check_run(result)
    old_or_new(stage)
    stage.heal()
    stage.judge.converges("short of descriptors")


def not_writable(stage, what):
    """As a user who may not write there: by the mode of his own directory, or because it is another's."""
    layout = images.write_layout(stage.old, stage.case.directory / "out", "v1")
    stage.destination_reference = f"oci:{layout}:v1"
    mine, place, prefix = os.geteuid(), layout / "blobs/sha256" if what == "blobs" else layout, ()
    if mine == 0:  # may write anywhere
        for path in [stage.case.directory, *stage.case.directory.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        prefix, mine = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"), NOBODY
    if what == "foreign_owner":
        stage.case.assertEqual(os.geteuid(), 0, "only root can give a directory to another user")
        for path in [layout, *layout.rglob("*")]:
            os.chown(path, 0, 0)
    else:
        place.chmod(0o555)
    stage.case.assertEqual(place.stat().st_uid == mine, what != "foreign_owner")
    before = {path: path.stat().st_mtime_ns for path in place.glob("*")}
    result = stage.run(("--retries", "0"), prefix=prefix)
    place.chmod(0o755)
    stage.case.assertEqual(result.exit_code, 11, result)
    stage.case.assertIn(str(layout), result.stderr)
    stage.case.assertEqual({path: path.stat().st_mtime_ns for path in place.glob("*")}, before)
    layout_is(stage, layout, stage.old)
    stage.judge.secrets(result)
    stage.case.check_run(result)
    layout_converges(stage, layout)


# --- 109 to 112: other runs, damage, a reader that has gone


def two_runs(stage):
    runs = [started(stage) for _ in range(2)]
    for run in runs:
        result = run.wait(60)
        stage.case.assertEqual(result.exit_code, 0, result)
    stage.judge.destination("NEW")
    stage.judge.sessions()
    stage.judge.converges("NEW")


def killed_holder(stage):
    hold = faults.Hold()
    stage.source.rule("GET", stage.blob, hold)
    stage.case.addCleanup(hold.release)
    first = started(stage)
    stage.case.assertTrue(hold.reached())
    second = started(stage).wait(REPLY)
    stage.case.assertEqual(second.exit_code, 12, second)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    hold.release()
    stage.destination.uploads.clear()  # nobody could cancel them
    stage.heal()
    stage.judge.converges("killed")


def damaged_layout(stage, what):
    layout = images.write_layout(stage.image, stage.case.directory / "in", "v1")
    stage.source_reference = f"oci:{layout}:v1"
    digest = stage.layer if what == "blob" else stage.image.document["manifests"][0]["digest"]
    path = layout / "blobs" / digest.replace(":", "/", 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    stage.heal_source = lambda: images.write_layout(stage.image, layout, "v1")


def not_pushed(stage, _):
    stage.case.assertIsNone(stage.destination.blob("app", stage.layer))


def output_is_lost(stage, how):
    """Standard output is a pipe that nobody reads, or there is none."""
    prefix = {"pipe": (), "none": ("sh", "-c", 'exec "$@" >&-', "sh")}[how]
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [str(argument) for argument in stage.arguments()]
    done = subprocess.run([*prefix, stage.program.binary, *arguments], stdout=writing, stderr=subprocess.PIPE, timeout=60,
                          stdin=subprocess.DEVNULL, env=stage.program.environment(stage.env), cwd=stage.program.home)
    os.close(writing)
    stage.case.assertEqual(done.returncode, 11, done.stderr)
    stage.case.assertIn(b"standard output", done.stderr)
    stage.judge.destination("NEW")
    stage.judge.converges("NEW")


ROWS = [
    Row(103, "kill -9 as the 1st, 9th, 20th request arrives; what had arrived is not sent again", "NEW", play=killed,
        variants=named(1, 9, 20), whole=named(*range(2, 60))),
    Row(103, "kill -9 at the 2nd, 8th request, while a layout is written", "NEW", play=killed_while_writing_a_layout,
        commands=(COPY,), variants=named(2, 8), whole=named(*range(1, 9))),
    Row(104, "SIGTERM, SIGINT: the clean-up is done within 5 s", "NEW", play=signalled, variants=SIGNALS),
    Row(104, "the same signal once more, while nothing answers: the end, at once", "NEW", play=signalled_twice, variants=SIGNALS),
    Row(105, "ENOSPC at each thread's first write, fsync, rename; the index is the old or the new one", "LOCAL", play=injected,
        commands=(COPY,), variants={"write": ("write", "ENOSPC", 1), "fsync": ("fsync", "ENOSPC", 1),
                                    "rename": ("rename,renameat,renameat2", "ENOSPC", 1)}),
    Row(105, "a limit on the size of files (EFBIG, SIGXFSZ)", "LOCAL", play=file_too_large, commands=(COPY,)),
    Row(106, "12, 16, 24 descriptors for the whole run", "NEW", play=few_descriptors, variants=named(12, 16, 24)),
    Row(107, "EIO at each thread's first, second fsync of a layout", "LOCAL", play=injected, commands=(COPY,), variants={
        str(number): ("fsync", "EIO", number) for number in (1, 2)}),
    Row(108, "a directory that may not be written", "LOCAL", play=not_writable, commands=(COPY,),
        variants=named("directory", "blobs", "foreign_owner")),
    Row(109, "two runs to one destination", "NEW", play=two_runs, commands=(COPY,)),
    Row(110, "the holder of the lock is killed", "NEW", play=killed_holder, commands=(TREE,)),
    Row(111, "a layout that was damaged at rest", "INTEG", damaged_layout, commands=(COPY,), variants=named("blob", "manifest"),
        check=not_pushed),
    Row(112, "standard output is a pipe that nobody reads, or closed", "LOCAL", play=output_is_lost, variants=named("pipe", "none")),
]
