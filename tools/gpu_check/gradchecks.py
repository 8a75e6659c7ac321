"""Section gradcheck: every implementation of every op on the GPU, a process an op. What fails is run once more with every
launch waited for (CUDA_LAUNCH_BLOCKING): that names the launch that went wrong, or tells that the order matters."""

from functools import partial

from runner import Outcome
from session import Session, Verdict, json_lines

LIMIT = 240  # seconds of an op
LIBRARIES = ("cudnn", "cublas")  # their implementations' names begin so


def list_kernels(session: Session) -> dict[str, list[str]]:
    """The implementations of each kernel; nothing where they cannot be told, which is a failed check."""
    outcome = session.run("list", [session.program("gradcheck"), "--device", "cuda", "--list"], 60)
    if outcome is None:
        return {}
    kernels = {}
    for line in outcome.output.splitlines():
        name, colon, implementations = line.partition(":")
        if colon and name.replace("_", "").isalnum():
            kernels[name] = implementations.split()
    if not outcome.ok or not kernels:
        session.judge("list", outcome, lambda ended: Verdict(False, f"no list of kernels ({ended.ending()}: "
                                                                    f"{ended.last_line()})"))
        return {}
    return kernels


def op_of(kernel: str) -> str:
    return kernel.removesuffix("_forward").removesuffix("_backward")


def ops_of(kernels: dict[str, list[str]]) -> list[str]:
    return list(dict.fromkeys(op_of(kernel) for kernel in kernels))


def result_of(outcome: Outcome, op: str, kernels: dict[str, list[str]]) -> tuple[Verdict, dict]:
    """What gradcheck --json found of an op."""
    lines = json_lines(outcome.output)
    totals = [line for line in lines if "passed" in line]
    cases = [line for line in lines if "status" in line]
    failed = [line for line in cases if line["status"] == "FAIL"]
    proven = {(line["op"], line["implementation"]) for line in cases if line["status"] == "ok"}
    unproven = [f"{kernel}={name}" for kernel, names in kernels.items() if op_of(kernel) == op for name in names
                if (kernel, name) not in proven]
    figure = {"op": op, "passed": totals[-1]["passed"] if totals else 0, "failed": len(failed),
              "refused": sum(line["status"] == "refused" for line in cases), "unproven": unproven}
    if not outcome.ok:
        first = failed[0] if failed else None
        what = (f"{len(failed)} failed, first {first['op']} {first['implementation']} {first.get('type', '')} "
                f"{first.get('shape', '')}: {'; '.join(first.get('failures', []))}" if first else outcome.last_line())
        return Verdict(False, f"{outcome.ending()}: {what}"), figure
    if not totals or totals[-1]["passed"] == 0:
        return Verdict(False, "it says nothing of what it checked"), figure
    note = f"{figure['passed']} passed, {figure['refused']} refused"
    return Verdict(True, note + (f"; no check of {', '.join(unproven)} passed" if unproven else "")), figure


def check_op(session: Session, op: str, kernels: dict[str, list[str]]) -> None:
    command = [session.program("gradcheck"), "--device", "cuda", "--op", op, "--json"]
    outcome = session.run(op, command, LIMIT)
    if outcome is None:
        return
    verdict, figure = result_of(outcome, op, kernels)
    session.record.measure("gradcheck", {**figure, "seconds": round(outcome.seconds, 1)})
    session.judge(op, outcome, lambda _: verdict)
    if verdict.ok:
        return
    name = f"{op}, every launch waited for"
    again = session.run(name, command, LIMIT, {"CUDA_LAUNCH_BLOCKING": "1"})
    if again is not None:
        second, _ = result_of(again, op, kernels)
        meaning = "it passes so: the order of launches and copies matters; " if second.ok else ""
        session.judge(name, again, lambda _: Verdict(second.ok, meaning + second.note))


def gradchecks(session: Session) -> None:
    kernels = list_kernels(session)
    session.side_by_side([partial(check_op, session, op, kernels) for op in ops_of(kernels)])
