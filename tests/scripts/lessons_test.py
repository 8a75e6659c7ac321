"""Goes through every lesson of tools/lessons/ as a reader does: writes its files, runs its commands, compares what they print.

    python3 tests/scripts/lessons_test.py [--bin build/release/bin] [--only 03] [--show]

tools/lessons/README.md says how a lesson is written. With --show what each command really printed is printed, too.

Exit codes: 0 every lesson shows what happens; 1 one does not.
"""

import argparse
import dataclasses
import pathlib
import re
import shutil
import sys
import tempfile

from readme_commands import Place
from readmes import ROOT, links

LESSONS = ROOT / "tools/lessons"
MOST_EXIT_CODE = 2  # what a program answers with; anything above is a crash


@dataclasses.dataclass
class Command:
    """A line that begins with `$ `, and the lines below it."""

    line: int
    text: str
    shown: list


@dataclasses.dataclass
class File:
    """A block with a file's name behind its language."""

    line: int
    name: str
    lines: list


def steps_of(text):
    """Files and commands of a lesson, in their order."""
    steps, kind, block = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"```(\w*) ?(\S*)$", line)
        if fence and kind is None:
            kind = fence[1] or "text"
            if kind != "console":
                block = []
            if fence[2]:
                steps.append(File(number, fence[2], block))
        elif fence:
            kind = None
        elif kind == "console" and line.startswith("$ "):
            block = []
            steps.append(Command(number, line[2:], block))
        elif kind is not None:
            block.append(line)
    return steps


def same_line(shown, printed):
    """… in a line stands for any text, and runs of spaces are one."""
    parts = [re.escape(" ".join(part.split())) for part in shown.split("…")]
    return re.fullmatch(r"\s*.*?\s*".join(parts), " ".join(printed.split())) is not None


def same_text(shown, printed):
    """A line that is … alone stands for any lines, none too."""
    if not shown:
        return not printed
    if shown[0].strip() == "…":
        return any(same_text(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and same_line(shown[0], printed[0]) and same_text(shown[1:], printed[1:])


def trimmed(lines):
    lines = [line.rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def problems_of(lesson, place, show):
    """What a reader would not find as the lesson has it."""
    steps = steps_of(lesson.read_text())
    for step in steps:
        where = f"tools/lessons/{lesson.name}:{step.line}"
        if isinstance(step, File):
            target = place.folder / step.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("\n".join(step.lines) + "\n")
            continue
        code, printed = place.output(step.text)
        if show:
            print(f"$ {step.text}\n{printed}", flush=True)
        if code > MOST_EXIT_CODE:
            yield f"{where}: `{step.text}` ends with {code}:\n{printed}"
        elif not same_text(trimmed(step.shown), trimmed(printed.splitlines())):
            yield f"{where}: `{step.text}` prints\n{printed}\nand the lesson shows\n" + "\n".join(step.shown)
    if not any(isinstance(step, Command) and step.text.startswith("inspect lesson") for step in steps):
        yield f"{lesson}: has no exercise"


def check_list():
    """Every lesson is in the table of the README, in its order, and each begins with its number."""
    lessons = sorted(path.name for path in LESSONS.glob("[0-9]*.md"))
    listed = [target for _, target in links("tools/lessons/README.md") if re.match(r"\d\d_", target)]
    if listed != lessons:
        yield f"tools/lessons/README.md lists {listed}, and there are {lessons}"
    for count, name in enumerate(lessons, 1):
        if not name.startswith(f"{count:02}_"):
            yield f"tools/lessons/{name} should begin with {count:02}_"
    exercises = re.findall(r'\{\d+, "(\w+\.md)"', (ROOT / "lab/inspect/lessons/lesson.cpp").read_text())
    if exercises != lessons:
        yield f"inspect lesson knows {exercises}, and there are {lessons}"


def check_itself():
    """What must be told apart is."""
    if not same_text(["a 1.5 b", "…", "end … of 3"], ["a  1.5 b", "x", "y", "end 7 of 3"]):
        yield "lessons_test: an ellipsis does not stand for what varies"
    for printed in (["a 1.6 b", "end 1 of 3"], ["a 1.5 b"], ["a 1.5 b", "end 1 of 3", "more"]):
        if same_text(["a 1.5 b", "…", "end … of 3"], printed):
            yield f"lessons_test: {printed} passes as something else"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="the built programs")
    parser.add_argument("--only", default="", metavar="TEXT", help="only lessons whose file's name contains this")
    parser.add_argument("--show", action="store_true", help="print what every command prints")
    options = parser.parse_args()
    problems = [*check_itself(), *check_list()]
    for lesson in sorted(LESSONS.glob("[0-9]*.md")):
        if options.only not in lesson.name:
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="lessons-"))
        try:
            found = list(problems_of(lesson, Place(folder, options.bin.resolve()), options.show))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"{'FAIL' if found else 'ok':5}{lesson.name}", flush=True)
        problems += found
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
