"""Section golden: whole models and single ops against PyTorch's frozen numbers, augmentation against torchvision's bytes."""

import re

from runner import Outcome
from session import Session, Verdict, failure

# The test program, its test cases, and what they show.
TESTS = [("engine_tests", "*op agrees with PyTorch*", "single ops against PyTorch"),
         ("models_tests", "*agrees with PyTorch*", "whole models against PyTorch"),
         ("transforms_tests", "*what torchvision makes of it*", "augmentation against torchvision, byte for byte"),
         ("transforms_tests", "*whole pipelines*", "augmentation in whole pipelines"),
         ("transforms_tests", "inputs made ahead*", "inputs made beside the step before, from pinned memory too")]
LIMIT = 180


def all_passed(outcome: Outcome) -> Verdict:
    """doctest is content with no test at all."""
    counts = re.search(r"test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed", outcome.output)
    if counts is None or not outcome.ok:
        wrong = re.search(r"ERROR: (.*)", outcome.output)
        return Verdict(False, f"{outcome.ending()}: {wrong.group(1)}") if wrong else failure(outcome)
    if int(counts.group(1)) == 0:
        return Verdict(False, "no test of that name")
    checks = re.search(r"assertions:\s*(\d+)", outcome.output)
    return Verdict(True, f"{checks.group(1) if checks else '?'} comparisons")


def golden(session: Session) -> None:
    for program, cases, name in TESTS:
        session.check(name, [session.program(program), f"-tc={cases}"], LIMIT, all_passed,
                      {"VITRINE_GOLDEN_DEVICES": "cuda"})
