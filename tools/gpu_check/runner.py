"""Runs programs: into a log, within a time limit, and with all that they have started stopped at its end."""

import os
import pathlib
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]  # where every program runs
MOST_OUTPUT = 64 << 20  # bytes; a program that prints more is stopped
SHORTEST_WAIT, LONGEST_WAIT = 0.01, 0.2  # seconds between two looks at a program
NO_END = "no end"
FOR_LAST_WORDS = 10.0  # seconds that a killed program may take to disappear


@dataclass
class Outcome:
    """How a program ended."""

    code: int | None  # negative: the signal; None: it could not be started
    seconds: float
    output: str  # both streams
    stopped: str = ""  # why it was stopped before its end: a phrase
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.stopped

    def ending(self) -> str:
        """A phrase."""
        if self.stopped:
            return self.stopped
        if self.code is None:
            return "it could not be started"
        if self.code < 0:
            return f"ended by signal {signal_name(-self.code)}"
        return f"exit code {self.code}"

    def last_line(self) -> str:
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


class Stopped(BaseException):
    """Nothing is to be run any more."""


class Runner:
    """Knows what is running, so that it can be stopped when the whole is interrupted."""

    def __init__(self):
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, command: list, log: pathlib.Path, limit: float, environment: dict | None = None,
            kill_when=None) -> Outcome:
        """Runs a command for at most `limit` seconds. `kill_when()` is asked again and again: once it is true, the
        program is killed. Throws Stopped after stop_all()."""
        command = [str(word) for word in command]
        begin = time.monotonic()
        with open(log, "w", encoding="utf-8") as file:
            shown = " ".join([f"{key}={value}" for key, value in (environment or {}).items()] + command)
            file.write(f"$ {shown}\n")
            file.flush()
            start_of_output = file.tell()
            try:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                           cwd=ROOT, env={**os.environ, **(environment or {})}, start_new_session=True)
            except OSError as error:
                file.write(f"{error}\n")
                return Outcome(None, time.monotonic() - begin, str(error))
            with self._lock:
                self._running.add(process)
            try:
                self._require_going_on()
                stopped = self._watch(process, log, begin + limit, limit, kill_when)
            finally:
                end_group(process)
                with self._lock:
                    self._running.discard(process)
        self._require_going_on()
        output = log.read_bytes()[start_of_output:].decode("utf-8", "replace")
        return Outcome(process.returncode, time.monotonic() - begin, output, stopped, stopped.startswith(NO_END))

    @staticmethod
    def _watch(process, log, deadline, limit, kill_when) -> str:
        """Waits for the end. Returns why the program has to be stopped, or nothing."""
        wait = SHORTEST_WAIT
        while process.poll() is None:
            if kill_when is not None and kill_when():
                return "killed on purpose"
            if time.monotonic() >= deadline:
                return f"{NO_END} after {limit:.0f} s"
            if log.stat().st_size > MOST_OUTPUT:
                return f"more than {MOST_OUTPUT >> 20} MiB of output"
            time.sleep(wait)
            wait = SHORTEST_WAIT if kill_when else min(2 * wait, LONGEST_WAIT)
        return ""

    def _require_going_on(self) -> None:
        with self._lock:
            if self._stopped:
                raise Stopped

    def stop_all(self) -> None:
        """Kills what runs, for good."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            end_group(process)


def end_group(process: subprocess.Popen) -> None:
    """Kills a program and all that it has started. One that waits inside of the driver may outlive this."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    try:
        process.wait(timeout=FOR_LAST_WORDS)
    except subprocess.TimeoutExpired:
        pass
