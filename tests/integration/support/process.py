"""Child processes that can't outlive the test: the kernel ends them when the test dies, stop() ends them before."""

import os
import signal
import socket
import subprocess
import time


def free_port(address="127.0.0.1"):
    """A port that was free a moment ago; whoever binds it must be ready to lose the race and try again."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def spawn(arguments, **options):
    """subprocess.Popen whose child gets SIGKILL when this process dies (also by SIGKILL)."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, arguments)], **options)


def stop(process, grace=5.0):
    """Ends one child by its own id and reaps it. Safe to call twice."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait(10)


def run_tool(*arguments, stdin=None, env=None, check=True, timeout=120):
    """Runs a helper program; its output is in the error when it fails."""
    done = subprocess.run(
        [str(argument) for argument in arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        command = " ".join(str(argument) for argument in arguments)
        raise RuntimeError(f"{command}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done


def wait_until(condition, timeout=10.0, interval=0.02, what="condition"):
    """Polls until `condition()` is truthy and returns that value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not so after {timeout} s")
        time.sleep(interval)


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
