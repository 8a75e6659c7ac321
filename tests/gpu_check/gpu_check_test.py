"""tools/gpu_check.sh against stand-ins for everything that it starts: a table of scenarios, and what it has to report.

    python3 tests/gpu_check/gpu_check_test.py [--keep FOLDER] [NAME…]

No GPU is needed, and no build. With names, only the scenarios whose names contain one of them; --keep leaves what they wrote.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAND_IN = HERE / "stand_in.sh"
SYSTEM_TOOLS = ["nvidia-smi", "nvcc", "cmake", "dpkg-query", "compute-sanitizer", "mpirun", "python-with-torch"]
USUAL_TOOLKIT = pathlib.Path("/usr/local/cuda")
# In a namespace of its own, in which nothing lies there.
HIDE_TOOLKIT = ["unshare", "--map-root-user", "--mount", "bash", "-c", f'mount -t tmpfs none {USUAL_TOOLKIT} && exec "$@"', "-"]
ROW = tuple[str, str, str, str]  # section, a part of the check's name, result, a part of its note


@dataclass
class Scenario:
    name: str
    rules: list[str] = field(default_factory=list)  # of stand_in.sh
    arguments: list[str] = field(default_factory=list)
    code: int = 0
    rows: list[ROW] = field(default_factory=list)  # each of which has to be reported
    absent: list[str] = field(default_factory=list)  # events that must not happen
    missing: list[str] = field(default_factory=list)  # tools that this machine has not
    environment: dict[str, str] = field(default_factory=dict)
    scale: float = 1.0  # of all limits
    error: str = ""  # a part of the standard error
    interrupt_at: str = ""  # the event at which SIGINT is sent
    folder: bool = True  # whether one is left behind


NO_TORCH = '{"torch_problem":"ModuleNotFoundError: No module named torch"}'
NO_VISION = '{"torch":"2.9.0","torchvision_problem":"ModuleNotFoundError: no torchvision","cuda":true}'

SCENARIOS = [
    Scenario("all passes", rows=[
        ("build", "configure", "passed", "nvcc 13.0.88"), ("gradcheck", "dense_conv", "passed", "2 passed, 1 refused"),
        ("golden", "whole models", "passed", "99 comparisons"),
        ("training", "mobilenet_v2: losses of cuda against cpu", "passed", "val_loss 0.0e+00"),
        ("training", "mobilenet_v2: a second run", "passed", "the same"),
        ("training", "basic_block_net: a killed run", "passed", "the same"),
        ("training", "mobilenet_v2: two processes against one, host", "passed", "the same"),
        ("training", "mobilenet_v2: two processes, nccl", "skipped", "there is one"),
        ("memory", "does not fit", "passed", "out of device memory"), ("memory", "next program", "passed", ""),
        ("sanitizer", "racecheck max_pool", "passed", "0 errors"), ("bench", "op add", "passed", "75%"),
        ("bench", "mobilenet_v2 at 224", "passed", "4.00 ms"), ("bench", "PyTorch amp", "passed", "8.00 ms")]),
    Scenario("an op fails", ["gradcheck add* => exit 1 add_forward is wrong"], ["--only", "gradcheck"], 1, [
        ("gradcheck", "add", "failed", "exit code 1: add_forward is wrong"),
        ("gradcheck", "add, every launch waited for", "failed", "exit code 1"), ("gradcheck", "max_pool", "passed", "")]),
    Scenario("an op fails, and passes where every launch is waited for", ["gradcheck add => exit 1 add_forward is wrong"],
             ["--only", "gradcheck"], 1, [
                 ("gradcheck", "add", "failed", "exit code 1"),
                 ("gradcheck", "add, every launch waited for", "passed", "the order of launches")]),
    Scenario("an op checks nothing", ["gradcheck add* => exit 0 {}"], ["--only", "gradcheck"], 1,
             [("gradcheck", "add", "failed", "nothing")]),
    Scenario("gradcheck has no list", ["gradcheck list => exit 1 no CUDA-capable device"], ["--only", "gradcheck"], 1,
             [("gradcheck", "list", "failed", "no CUDA-capable device")]),
    Scenario("a program hangs, with a child", ["gradcheck max_pool* => hang"], ["--only", "gradcheck"], 1, [
        ("gradcheck", "max_pool", "failed", "no end after"), ("gradcheck", "add", "passed", "")], scale=0.01),
    Scenario("a program crashes", ["gradcheck add* => signal SEGV", "models_tests* => signal ABRT"],
             ["--only", "gradcheck,golden"], 1, [
                 ("gradcheck", "add", "failed", "SIGSEGV"), ("golden", "whole models", "failed", "SIGABRT"),
                 ("golden", "augmentation against", "passed", "")]),
    Scenario("a test program with no such test", ["transforms_tests* => exit 0 [doctest] test cases: 0 | 0 passed | 0 failed | 9 skipped"],
             ["--only", "golden"], 1, [("golden", "augmentation against", "failed", "no test of that name")]),
    Scenario("no compute-sanitizer", arguments=["--only", "sanitizer"], missing=["compute-sanitizer"],
             rows=[("sanitizer", "compute-sanitizer", "skipped", "not installed")]),
    Scenario("compute-sanitizer finds something",
             ["compute-sanitizer tool racecheck add => exit 86 ========= ERROR SUMMARY: 3 errors"], ["--only", "sanitizer"], 1,
             [("sanitizer", "racecheck add", "failed", "3 errors"), ("sanitizer", "memcheck add", "passed", "0 errors")]),
    Scenario("compute-sanitizer refuses the device",
             ["compute-sanitizer tool * => exit 1 ========= Error: Device not supported. Please refer to the manual"],
             ["--only", "sanitizer"], 1, [("sanitizer", "memcheck add", "failed", "Device not supported")]),
    Scenario("compute-sanitizer takes long", ["compute-sanitizer tool initcheck max_pool => hang"], ["--only", "sanitizer"],
             scale=0.01, rows=[("sanitizer", "initcheck max_pool", "skipped", "--full waits for it"),
                               ("sanitizer", "synccheck max_pool", "passed", "0 errors")]),
    Scenario("compute-sanitizer hangs, with all the time there is", ["compute-sanitizer tool initcheck max_pool => hang"],
             ["--only", "sanitizer", "--full"], 1, scale=0.005, rows=[("sanitizer", "initcheck max_pool", "failed", "no end")]),
    Scenario("compute-sanitizer is silent", ["compute-sanitizer tool * => exit 0 36 passed"], ["--only", "sanitizer"], 1,
             [("sanitizer", "memcheck add", "failed", "says nothing")]),
    Scenario("no PyTorch", [f"torch versions => say {NO_TORCH}"], ["--only", "bench"], rows=[
        ("bench", "PyTorch, mobilenet_v2 at 224", "skipped", "No module named torch"), ("bench", "op add", "passed", "")]),
    Scenario("PyTorch without torchvision", [f"torch versions => say {NO_VISION}"], ["--only", "bench"], rows=[
        ("bench", "PyTorch, mobilenet_v2 at 224", "skipped", "torchvision"),
        ("bench", "PyTorch f32, basic_block_net", "passed", "")], absent=["torch mobilenet_v2*"]),
    Scenario("PyTorch without a GPU", ['torch versions => say {"torch":"2.9.0","torchvision":"1","cuda":false}'],
             ["--only", "bench"], rows=[("bench", "PyTorch, mobilenet_v2", "skipped", "sees no GPU")]),
    Scenario("nvcc is refused by CMake", ["cmake configure => say No CUDA compiler that works: building without the cuda device"],
             code=1, rows=[("build", "configure", "failed", "no CUDA compiler that works"),
                           ("gradcheck", "everything", "skipped", "without a build")], absent=["cmake build*"]),
    Scenario("CMake fails", ["cmake configure => exit 1 CMake Error at cmake/Dependencies.cmake:7"], code=1,
             rows=[("build", "configure", "failed", "exit code 1"), ("bench", "everything", "skipped", "without a build")]),
    Scenario("the build fails", ["cmake build => exit 1 add.cu(3): error: identifier x is undefined"], code=1, rows=[
        ("build", "build", "failed", "identifier x is undefined"), ("training", "everything", "skipped", "without a build")],
             absent=["gradcheck*"]),
    Scenario("no GPU", ["nvidia-smi * => exit 6 No devices were found"], code=2, error="No devices were found", folder=False),
    Scenario("no driver", missing=["nvidia-smi"], code=2, error="no nvidia-smi in PATH", folder=False),
    Scenario("no nvcc", missing=["nvcc"], code=2, error="CUDA toolkit is not installed", folder=False),
    Scenario("a GPU that is too old", ["nvidia-smi --query-gpu=compute_cap => say 6.1"], code=2, folder=False,
             error="compute capability 6.1"),
    Scenario("two GPUs", arguments=["--gpu", "1", "--only", "golden"], environment={"STAND_IN_GPUS": "0 1"},
             rows=[("golden", "whole models", "passed", "")]),
    Scenario("a GPU that is not there", arguments=["--gpu", "1"], code=2, error="--gpu 1", folder=False),
    Scenario("an unknown section", arguments=["--only", "golden,gold"], code=2, error="no section 'gold'", folder=False),
    Scenario("out of time", ["gradcheck dense_conv* => slow 30", "gradcheck add* => slow 30", "gradcheck max_pool* => slow 30"],
             ["--minutes", "3", "--only", "gradcheck,bench"], scale=0.04,
             rows=[("gradcheck", "dense_conv", "skipped", "out of time"), ("bench", "mobilenet_v2 at 224", "passed", "")]),
    Scenario("losses that differ", ["train * cpu * => say 1.5"], ["--only", "training"], 1, [
        ("training", "mobilenet_v2: losses", "failed", "train_loss 0.0e+00, 2.0e-01 apart"), ("training", "mobilenet_v2: a second run", "passed", "")]),
    Scenario("a loss that is no number", ["train * cuda * => say NaN"], ["--only", "training"], 1,
             [("training", "mobilenet_v2: losses", "failed", "nan")]),
    Scenario("bits that differ", ["train * cuda *-again => say 1.2"], ["--only", "training"], 1, [
        ("training", "mobilenet_v2: a second run", "failed", "last.safetensors differs"),
        ("training", "mobilenet_v2: a killed run", "passed", "")]),
    Scenario("two processes that differ", ["train * cuda *-two-processes-nccl => say 1.2"], ["--only", "training"], 1, [
        ("training", "mobilenet_v2: two processes against one, host", "passed", ""),
        ("training", "mobilenet_v2: two processes against one, nccl", "failed", "last.safetensors differs")],
             environment={"STAND_IN_GPUS": "0 1"}),
    Scenario("another MPI's mpirun", arguments=["--only", "training"], environment={"STAND_IN_MPI": "HYDRA build details:"},
             rows=[("training", "basic_block_net: two processes", "skipped", "Open MPI")]),
    Scenario("a resumed run that differs", ["train * cuda *-killed-* => say 1.2"], ["--only", "training"], 1, [
        ("training", "mobilenet_v2: a second run", "passed", ""),
        ("training", "mobilenet_v2: a killed run", "failed", "last.safetensors differs")]),
    Scenario("runs that are over too soon to be killed", arguments=["--only", "training"], environment={"STAND_IN_QUICK": "1"},
             rows=[("training", "mobilenet_v2: killed", "skipped", "3 runs were over")]),
    Scenario("training that fails", ["train mobilenet_v2 cuda *-cuda => exit 1 the loss is nan"], ["--only", "training"], 1, [
        ("training", "mobilenet_v2: cuda", "failed", "the loss is nan"), ("training", "basic_block_net: cuda", "passed", "")]),
    Scenario("memory that is not given back", ["bench step mobilenet_v2 8 => exit 2 out of device memory"], ["--only", "memory"],
             1, [("memory", "does not fit", "passed", ""), ("memory", "next program", "failed", "out of device memory")]),
    Scenario("out of memory is a crash", ["bench step mobilenet_v2 128 => signal ABRT"], ["--only", "memory"], 1,
             [("memory", "does not fit", "failed", "SIGABRT")]),
    Scenario("out of memory in other words", ["bench step mobilenet_v2 128 => exit 1 internal error"], ["--only", "memory"], 1,
             [("memory", "does not fit", "failed", "internal error")]),
    Scenario("interrupted", ["gradcheck max_pool* => hang"], code=130, interrupt_at="gradcheck max_pool",
             rows=[("build", "build", "passed", "")], absent=["bench*", "models_tests*"]),
]


@dataclass
class Run:
    code: int
    error: str
    folder: pathlib.Path
    events: list[str]


def prepare(scenario: Scenario, place: pathlib.Path) -> tuple[list, dict]:
    """A machine made of stand-ins: what to run there, in which environment."""
    tools = place / "tools"
    tools.mkdir()
    for name in SYSTEM_TOOLS:
        if name not in scenario.missing:
            (tools / name).symlink_to(STAND_IN)
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(place), "STAND_IN": "\n".join(scenario.rules),
                   "STAND_IN_PROGRAM": str(STAND_IN), "STAND_IN_EVENTS": str(place / "events"),
                   "VITRINE_GPU_CHECK_TIME_SCALE": str(scenario.scale),
                   "CUDACXX": "" if "nvcc" in scenario.missing else str(tools / "nvcc"), **scenario.environment}
    python = tools / "python-with-torch"
    hide = HIDE_TOOLKIT if "nvcc" in scenario.missing and USUAL_TOOLKIT.exists() else []
    command = [*hide, "bash", ROOT / "tools/gpu_check.sh", place / "out", "--build", place / "build", "--python", python,
               *scenario.arguments]
    return command, environment


def run(scenario: Scenario, place: pathlib.Path) -> Run:
    command, environment = prepare(scenario, place)
    events = place / "events"
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while scenario.interrupt_at and process.poll() is None:
        if events.exists() and scenario.interrupt_at in events.read_text().splitlines():
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.02)
    _, error = process.communicate(timeout=120)
    return Run(process.returncode, error, place / "out", events.read_text().splitlines() if events.exists() else [])


def survivors(events: pathlib.Path) -> list[str]:
    """Programs of a scenario that still run: told by the environment that they were given."""
    mark = f"STAND_IN_EVENTS={events}".encode()
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
        except OSError:
            pass  # it has ended, or belongs to somebody else
    return [command for command in found if command]  # one that has ended has none


def problems_of(scenario: Scenario, done: Run) -> list[str]:
    problems = [f"'{command}' still runs" for command in survivors(done.folder.parent / "events")]
    if done.code != scenario.code:
        problems.append(f"exit code {done.code}, not {scenario.code}")
    if scenario.error not in done.error or (done.error and not scenario.error):
        problems.append(f"standard error is '{done.error.strip()}', not '{scenario.error}'")
    if scenario.code == 2 and done.error.strip().count("\n"):
        problems.append(f"more than a sentence: {done.error}")
    for pattern in scenario.absent:
        problems += [f"'{event}' happened" for event in done.events if pathlib.PurePath(event).match(pattern)]
    if not scenario.folder:
        return problems + (["it left a folder"] if done.folder.exists() else [])
    return problems + problems_in_folder(scenario, done.folder)


def problems_in_folder(scenario: Scenario, folder: pathlib.Path) -> list[str]:
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    checks = results["checks"]
    problems = []
    for section, name, result, note in scenario.rows:
        found = [check for check in checks if check["section"] == section and name in check["name"]]
        if not any(check["result"] == result and note in check["note"] for check in found):
            seen = "; ".join(f"{check['name']}: {check['result']} ({check['note']})" for check in found)
            problems.append(f"no '{section}: {name}' that {result} with '{note}', but: {seen or 'nothing'}")
    failed = [check for check in checks if check["result"] == "failed"]
    if results["failed"] != len(failed) or bool(failed) != (scenario.code == 1):
        problems.append(f"failed are {[check['name'] for check in failed]}, with exit code {scenario.code}")
    if results["complete"] == bool(scenario.interrupt_at):
        problems.append(f"complete is {results['complete']}")
    for check in checks:
        if check["log"] and not (folder / check["log"]).exists():
            problems.append(f"{check['log']} is not there")
        if f"| {check['section']} | {check['name']} |" not in summary:
            problems.append(f"the summary lacks {check['name']}")
    return problems


def check_everything(folder: pathlib.Path) -> list[str]:
    """What only the scenario in which all passes can show."""
    problems = []
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for figure, count in (("gradcheck", 3), ("ops", 3)):
        if len(results["figures"][figure]) != count:
            problems.append(f"{len(results['figures'][figure])} figures of {figure}, not {count}")
    made = subprocess.run([sys.executable, ROOT / "tools/gpu_check/tables.py", folder / "results.json"], capture_output=True,
                          text=True)
    for part in ("| mobilenet_v2 | 224 | 64 | 4.00 ms | 16000 | 8.00 ms (2.00×) |", "| add_forward | packs | 3 | 1.000 |",
                 "| gradcheck | 3 | 0 | 0 |"):
        if part not in made.stdout:
            problems.append(f"tables.py prints no '{part}': {made.stdout}{made.stderr}")
    return problems


def check_two_gpus(folder: pathlib.Path) -> list[str]:
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    right = len(results["hardware"]["gpus"]) == 2 and results["hardware"]["gpu"]["uuid"] == "GPU-aaaa-1"
    log = next(folder.glob("golden-whole*.log")).read_text(encoding="utf-8")
    return [] if right and "CUDA_VISIBLE_DEVICES=GPU-aaaa-1" in log else [f"the wrong GPU: {log}"]


FURTHER = {"all passes": check_everything, "two GPUs": check_two_gpus}


def impossible_here(scenario: Scenario) -> str:
    """Why, or nothing."""
    if "nvcc" not in scenario.missing or not USUAL_TOOLKIT.exists():
        return ""
    hidden = subprocess.run([*HIDE_TOOLKIT, "true"], capture_output=True, text=True)
    return "" if hidden.returncode == 0 else f"{USUAL_TOOLKIT} cannot be hidden: {hidden.stderr.strip()}"


def try_scenario(scenario: Scenario, place: pathlib.Path) -> list[str]:
    place.mkdir(parents=True)
    try:
        done = run(scenario, place)
        problems = problems_of(scenario, done)
        return problems or (FURTHER[scenario.name](done.folder) if scenario.name in FURTHER else [])
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        return [f"{type(error).__name__}: {error}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    chosen = [one for one in SCENARIOS if not options.names or any(name in one.name for name in options.names)]
    for one in [one for one in chosen if impossible_here(one)]:
        print(f"skipped {one.name}: {impossible_here(one)}")
        chosen.remove(one)
    failed = 0
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(6) as pool:
        place = options.keep.resolve() if options.keep else pathlib.Path(temporary)
        jobs = {one.name: pool.submit(try_scenario, one, place / one.name.replace(" ", "-")) for one in chosen}
        for name, job in jobs.items():
            problems = job.result()
            failed += bool(problems)
            print(f"{'FAILED' if problems else 'ok':<6} {name}" + "".join(f"\n         {one}" for one in problems), flush=True)
    print(f"{len(chosen)} scenarios, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
