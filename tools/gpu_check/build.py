"""Section build: the packages, and Vitrine for this GPU. Nothing else can be checked where it fails."""

import re

from machine import from_dependencies
from runner import Outcome
from session import Session, Verdict, by_exit_code, failure

TARGETS = ["train", "gradcheck", "bench", "resources", "engine_tests", "models_tests", "transforms_tests"]
PACKAGES = 15 * 60  # seconds
CONFIGURE = 5 * 60
BUILD = 120 * 60


def configured_for_cuda(outcome: Outcome) -> Verdict:
    """CMake goes on without a compiler for CUDA that does not work, and says so."""
    if not outcome.ok:
        problem = re.search(r"CMake Error.*?:\n\s*(.*)", outcome.output)
        return Verdict(False, f"{outcome.ending()}: {problem.group(1) if problem else outcome.last_line()}")
    device = re.search(r"-- (The cuda device: .*)", outcome.output)
    if device is None:
        return Verdict(False, "CMake found no CUDA compiler that works, and left the cuda device out")
    return Verdict(True, device.group(1))


def built(outcome: Outcome) -> Verdict:
    if outcome.ok:
        return Verdict(True)
    # What a compiler calls an error; else what was said below the command that failed.
    told = re.search(r"^(.*\berror\b.*)$", outcome.output, re.M) or re.search(r"^FAILED: .*\n.*\n(.*)$", outcome.output, re.M)
    return Verdict(False, f"{outcome.ending()}: {told.group(1).strip()}") if told else failure(outcome)


def configure_command(session: Session) -> list[str]:
    architecture = session.machine.gpu.architecture
    options = ["--preset", "release", "-B", str(session.options.build), "-DVITRINE_NATIVE_ONLY=ON",
               "-DVITRINE_WARNINGS_AS_ERRORS=OFF",  # a compiler that nobody has tried may warn of more
               f"-DCMAKE_CUDA_COMPILER={session.machine.nvcc}"]
    if architecture:
        options.append(f"-DCMAKE_CUDA_ARCHITECTURES={architecture}")
    return from_dependencies('choose_compiler "$(system_name)"; exec cmake "$@"') + ["cmake", *options]


def build(session: Session) -> bool:
    """Whether there is something to check."""
    if session.options.programs:
        missing = [name for name in TARGETS if not session.program(name).exists()]
        if missing:
            session.note("programs", Verdict(False, f"{session.programs} has no {', '.join(missing)}"))
        else:
            session.note("programs", Verdict(True, f"those of {session.programs}"))
        return not missing
    install = 'system=$(system_name); install_missing $(build_packages "$system") $(test_packages "$system")'
    run_all = [("packages", from_dependencies(install), PACKAGES, by_exit_code),
               ("configure", configure_command(session), CONFIGURE, configured_for_cuda),
               ("build", ["cmake", "--build", str(session.options.build), "--target", *TARGETS], BUILD, built)]
    for name, command, limit, judge in run_all:
        outcome = session.run(name, command, limit)
        if outcome is None or not session.judge(name, outcome, judge):
            return False
    return True


def resources(session: Session) -> None:
    """Registers, spills and occupancy of what was built, as ptxas tells them."""
    if session.options.programs:
        session.skip("resources", "they are told by the build's own files, and nothing was built")
        return
    session.check("resources", [session.program("resources")], 60)
