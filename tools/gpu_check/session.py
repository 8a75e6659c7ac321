"""One run of gpu_check: what every section needs, and how a check is made."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
from dataclasses import dataclass, field
from typing import Callable

from budget import SCALE, Budget
from machine import Machine
from record import FAILED, PASSED, SKIPPED, Check, Record
from runner import ROOT, Outcome, Runner

OUT_OF_TIME = "out of time"


@dataclass
class Verdict:
    ok: bool
    note: str = ""


Judge = Callable[[Outcome], Verdict]


def by_exit_code(outcome: Outcome) -> Verdict:
    return Verdict(True, outcome.last_line()) if outcome.ok else failure(outcome)


def failure(outcome: Outcome) -> Verdict:
    """How it ended, and its last word."""
    last = outcome.last_line()
    return Verdict(False, f"{outcome.ending()}: {last}" if last else outcome.ending())


@dataclass
class Session:
    options: argparse.Namespace
    machine: Machine
    record: Record
    runner: Runner
    budget: Budget
    programs: pathlib.Path
    section: str = ""
    environment: dict = field(default_factory=dict)  # of every program

    def program(self, name: str) -> pathlib.Path:
        return self.programs / name

    def log(self, name: str) -> pathlib.Path:
        return self.record.folder / (re.sub(r"[^\w.=-]+", "-", f"{self.section}-{name}") + ".log")

    def skip(self, name: str, why: str) -> None:
        self.record.add(Check(self.section, name, SKIPPED, note=why))

    def note(self, name: str, verdict: Verdict, seconds: float = 0.0, log: pathlib.Path | None = None) -> bool:
        self.record.add(Check(self.section, name, PASSED if verdict.ok else FAILED, seconds, verdict.note,
                              log.name if log else ""))
        return verdict.ok

    def run(self, name: str, command: list, limit: float, environment: dict | None = None,
            kill_when=None) -> Outcome | None:
        """Runs a command for at most `limit` seconds. None, and a skipped check, where there is no time for it."""
        seconds = self.budget.limit(limit)
        if seconds is None:
            self.skip(name, OUT_OF_TIME)
            return None
        outcome = self.runner.run(command, self.log(name), seconds, {**self.environment, **(environment or {})},
                                  kill_when)
        if outcome.timed_out and seconds < limit * SCALE:
            self.skip(name, f"{OUT_OF_TIME}: it had {seconds:.0f} s")
            return None
        return outcome

    def check(self, name: str, command: list, limit: float, judge: Judge = by_exit_code,
              environment: dict | None = None) -> bool:
        """Runs a command and judges how it went. False if that was bad, or there was no time."""
        outcome = self.run(name, command, limit, environment)
        return outcome is not None and self.judge(name, outcome, judge)

    def judge(self, name: str, outcome: Outcome, judge: Judge) -> bool:
        return self.note(name, judged(outcome, judge), outcome.seconds, self.log(name))

    def side_by_side(self, jobs: list[Callable[[], object]]) -> None:
        """Runs them a few at a time: most of their work is the host's."""
        workers = max(1, min(6, (os.cpu_count() or 1) // 2))
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(job) for job in jobs]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except BaseException:  # an interruption, or a job that cannot be trusted any more
                pool.shutdown(wait=False, cancel_futures=True)
                self.runner.stop_all()
                raise


def judged(outcome: Outcome, judge: Judge) -> Verdict:
    """A program whose output is not what it should be has failed too."""
    try:
        return judge(outcome)
    except (ValueError, KeyError, TypeError, IndexError, OSError) as error:
        why = f"its results cannot be read ({type(error).__name__}: {error})"
        return Verdict(False, f"{outcome.ending()}; {why}")


def json_lines(output: str) -> list[dict]:
    """The lines that are JSON objects; other lines (warnings) may stand between them."""
    found = []
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found
