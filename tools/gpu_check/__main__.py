"""Everything that needs an NVIDIA GPU, in one command. tools/gpu_check.sh runs it; README.md tells what it does.

Python, not shell: a program that hangs is killed with all that it started, several run side by side, their JSON is read and
written, and all of it with Python's standard library alone.
"""

import pathlib
import platform
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Callable

import options as command_line
from benchmarks import benchmarks
from budget import Budget
from build import build, resources
from golden import golden
from gradchecks import gradchecks
from machine import Machine, Unusable, output_of, probe
from memory import memory
from record import FAILED, Record
from runner import ROOT, Runner
from sanitizer import sanitizer
from session import Session, Verdict
from training import training


@dataclass
class Section:
    name: str
    run: Callable[[Session], object]
    reserve: float  # the share of all time that belongs to later sections


SECTIONS = [Section("resources", resources, 0.7), Section("gradcheck", gradchecks, 0.65), Section("golden", golden, 0.6),
            Section("training", training, 0.5), Section("memory", memory, 0.45), Section("sanitizer", sanitizer, 0.35),
            Section("bench", benchmarks, 0.0)]


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """By a signal: args[0]."""


def on_signal(number, _frame):
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # one is enough
    raise Interrupted(number)


def stop(sentence: str) -> None:
    print(f"tools/gpu_check.sh: {sentence}", file=sys.stderr)
    sys.exit(2)


def chosen_sections(only: str | None) -> list[Section]:
    if only is None:
        return SECTIONS
    names = only.split(",")
    known = [section.name for section in SECTIONS]
    for name in names:
        if name not in known:
            stop(f"--only {only}: there is no section '{name}'; choose from {', '.join(known)}")
    return [section for section in SECTIONS if section.name in names]


def make_folder(folder: pathlib.Path | None) -> pathlib.Path:
    folder = folder or pathlib.Path(time.strftime("gpu_check-%Y%m%d-%H%M%S"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            stop(f"{folder} holds something already: name another folder")
        (folder / "summary.md").touch()
    except OSError as error:
        stop(f"{folder} cannot be written: {error.strerror}")
    return folder.resolve()


def facts(machine: Machine) -> dict:
    commit = output_of(["git", "describe", "--always", "--dirty"]).strip() or "an unknown version"
    return {"commit": commit, "date": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()), "machine": machine.lines(),
            "hardware": machine.facts(), "python": platform.python_version()}


def run_section(session: Session, section: Section, reserve: float) -> None:
    """A section that goes wrong by itself is a failed check, and the next one begins."""
    session.section = section.name
    session.budget.reserve(reserve)
    try:
        section.run(session)
    except Exception as error:
        (session.record.folder / f"{section.name}-trouble.log").write_text(traceback.format_exc(), encoding="utf-8")
        session.note("the section itself", Verdict(False, f"{type(error).__name__}: {error}"), 0.0,
                     session.record.folder / f"{section.name}-trouble.log")


def run_all(session: Session, sections: list[Section]) -> None:
    session.section = "build"
    if not build(session):
        for section in sections:
            session.section = section.name
            session.skip("everything", "there is nothing to check without a build")
        return
    minutes = session.options.minutes
    session.budget.start(None if session.options.full else 60.0 * minutes if minutes else session.budget.usual())
    for section in sections:
        run_section(session, section, 0.0 if section is sections[-1] else section.reserve)


def main() -> int:
    options = command_line.parse(sys.argv[1:])
    sections = chosen_sections(options.only)
    options.build = (options.build or ROOT / "build/gpu_check").resolve()
    try:
        machine = probe(options.gpu, needs_compiler=options.programs is None)
    except Unusable as why:
        stop(str(why))
    record = Record(make_folder(options.folder))
    record.facts = facts(machine)
    programs = (options.programs or options.build / "bin").resolve()
    # The GPU that nvidia-smi names so, and no other, whatever order CUDA counts in.
    environment = {"CUDA_VISIBLE_DEVICES": machine.gpu.uuid}
    session = Session(options, machine, record, Runner(), Budget(), programs, environment=environment)
    print("\n".join(machine.lines()), flush=True)
    try:
        for number in SIGNALS:
            signal.signal(number, on_signal)
        session.section = "probe"
        session.check("nvidia-smi", ["nvidia-smi", "-q"], 60)
        run_all(session, sections)
    except Interrupted as interrupted:
        session.runner.stop_all()
        record.finish(f"Interrupted during {session.section} by {signal.Signals(interrupted.args[0]).name}.")
        print(f"Interrupted. What there is: {record.folder}", flush=True)
        return 128 + interrupted.args[0]
    record.finish()
    failed = record.count(FAILED)
    print(f"{failed} of the checks failed. {record.folder}/summary.md and results.json tell all of it.", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
