"""What was found: summary.md to read, results.json for programs. Both are whole after every check."""

import json
import os
import pathlib
import threading
from dataclasses import asdict, dataclass

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Check:
    section: str
    name: str
    result: str
    seconds: float = 0.0
    note: str = ""
    log: str = ""  # file in the folder


class Record:
    def __init__(self, folder: pathlib.Path, show=print):
        self.folder = folder
        self.facts: dict = {}  # of the machine and of Vitrine
        self.figures: dict = {}  # what was measured, by section
        self.checks: list[Check] = []
        self.ending = ""  # why it ended before its end: a sentence
        self.complete = False
        self._show = show
        self._lock = threading.RLock()

    def add(self, check: Check) -> None:
        with self._lock:
            self.checks.append(check)
            self._show(f"{check.result:<8} {check.section}: {check.name}" +
                       (f" ({check.note})" if check.note else "") +
                       (f", {check.seconds:.0f} s" if check.seconds >= 1 else ""), flush=True)
            self.write()

    def measure(self, section: str, figure: dict) -> None:
        with self._lock:
            self.figures.setdefault(section, []).append(figure)

    def finish(self, ending: str = "") -> None:
        with self._lock:
            self.ending = ending
            self.complete = not ending
            self.write()

    def count(self, result: str) -> int:
        return sum(check.result == result for check in self.checks)

    def write(self) -> None:
        results = {"version": 1, **self.facts, "complete": self.complete, "ending": self.ending,
                   "passed": self.count(PASSED), "failed": self.count(FAILED), "skipped": self.count(SKIPPED),
                   "checks": [asdict(check) for check in self.checks], "figures": self.figures}
        replace(self.folder / "results.json", json.dumps(results, indent=1) + "\n")
        replace(self.folder / "summary.md", self.summary())

    def summary(self) -> str:
        lines = [f"# gpu_check of {self.facts.get('commit', 'an unknown version')}, {self.facts.get('date', '')}", ""]
        lines += [f"- {line}" for line in self.facts.get("machine", [])]
        counts = f"**{self.count(FAILED)} failed**, {self.count(PASSED)} passed, {self.count(SKIPPED)} skipped."
        lines += ["", counts + ("" if self.complete else f" {self.ending or 'Not at its end yet.'}"), ""]
        bad = [check for check in self.checks if check.result == FAILED]
        if bad:
            lines += ["## What failed", "", *table(bad), ""]
        lines += ["## Everything", "", *table(self.checks), ""]
        return "\n".join(lines)


def table(checks: list[Check]) -> list[str]:
    rows = ["| section | check | result | seconds | note | log |", "|---|---|---|---|---|---|"]
    for check in checks:
        result = check.result.upper() if check.result == FAILED else check.result
        seconds = f"{check.seconds:.1f}" if check.seconds > 0 else ""
        rows.append(f"| {check.section} | {cell(check.name)} | {result} | {seconds} | {cell(check.note)} | {check.log} |")
    return rows


def cell(text: str) -> str:
    """Fit for a cell of a table: one line, no bars."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return (line[:297] + "…" if len(line) > 300 else line).replace("|", "\\|")


def replace(path: pathlib.Path, text: str) -> None:
    """The new content or the old one, whatever happens."""
    temporary = path.with_suffix(path.suffix + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
