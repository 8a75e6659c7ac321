"""Section sanitizer: our own kernels under compute-sanitizer's four tools, op by op. Kernels of NVIDIA's libraries are not
watched: what they do inside is not ours, and watching them takes minutes."""

import re
from functools import partial

from gradchecks import list_kernels, ops_of
from machine import output_of
from runner import Outcome
from session import Session, Verdict, failure

TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
LIMIT, FULL_LIMIT = 150, 1800  # seconds of an op under a tool
FOUND = 86  # the exit code that means: it found something
OURS = "kns=vitrine"  # kernels with this in their mangled names


def nothing_found(outcome: Outcome) -> Verdict:
    summary = re.findall(r"=+ ((?:ERROR|RACECHECK) SUMMARY: .*)", outcome.output)
    if outcome.code == FOUND:
        first = re.search(r"=+ +((?:Invalid|Error|Race|Uninitialized|Warning|Barrier|Divergent|Program hit).*)",
                          outcome.output)
        return Verdict(False, "; ".join(summary[-1:] + ([first.group(1)] if first else [])) or "it found something")
    refused = re.search(r"=+ (Error: .*)", outcome.output)
    if refused and not summary:
        return Verdict(False, refused.group(1))
    if not outcome.ok:
        return failure(outcome)
    if not summary:
        return Verdict(False, "compute-sanitizer says nothing of what it found")
    return Verdict(True, summary[-1])


def filter_option(session: Session) -> str:
    """Its name has changed."""
    described = output_of([session.machine.sanitizer, "--help"])
    return "--kernel-name" if re.search(r"--kernel-name\b(?!-)", described) else "--kernel-regex"


def command(session: Session, tool: str, op: str, only: str) -> list:
    return [session.machine.sanitizer, "--tool", tool, only, OURS, "--report-api-errors", "no",
            "--error-exitcode", str(FOUND), session.program("gradcheck"), "--device", "cuda", "--op", op, "--once"]


def watch(session: Session, tool: str, op: str, only: str) -> None:
    """Without --full, what takes long is left out: that nothing hangs is for the section gradcheck to see."""
    name, limit = f"{tool} {op}", FULL_LIMIT if session.options.full else LIMIT
    outcome = session.run(name, command(session, tool, op, only), limit)
    if outcome is None:
        return
    if outcome.timed_out and not session.options.full:
        session.skip(name, f"it takes more than {limit} s: --full waits for it")
    else:
        session.judge(name, outcome, nothing_found)


def by_length(session: Session, ops: list[str]) -> list[str]:
    """Those that gradcheck was done with soonest come first, so that as much as possible is seen in the time there is."""
    seconds = {figure["op"]: figure["seconds"] for figure in session.record.figures.get("gradcheck", [])}
    return sorted(ops, key=lambda op: seconds.get(op, 0.0))


def sanitizer(session: Session) -> None:
    if not session.machine.sanitizer:
        session.skip("compute-sanitizer", "it is not installed (it comes with the CUDA toolkit)")
        return
    ops = by_length(session, ops_of(list_kernels(session)))
    only = filter_option(session)
    session.side_by_side([partial(watch, session, tool, op, only) for op in ops for tool in TOOLS])
