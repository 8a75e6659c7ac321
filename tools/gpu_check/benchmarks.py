"""Section bench: every implementation of every op against the GPU's measured peaks, and whole training steps of both models
beside PyTorch's. Both sides take steps on a batch that lies on the GPU already, each from an idle GPU until it is idle
again."""

from dataclasses import dataclass

from gradchecks import list_kernels, ops_of
from runner import ROOT, Outcome
from session import Session, Verdict, failure, json_lines

OP_LIMIT, STEP_LIMIT, COMPILE_LIMIT = 90, 90, 300  # seconds
# What the models spend their time in comes first: the others are timed while there is time.
FIRST_OPS = ["dense_conv", "depthwise_conv", "pointwise_conv", "batch_norm", "linear"]


@dataclass(frozen=True)
class Setting:
    model: str
    image_size: int
    batch_size: int
    classes: int

    def arguments(self) -> list[str]:
        return ["--model", self.model, "--image-size", str(self.image_size), "--batch-size", str(self.batch_size),
                "--classes", str(self.classes)]

    def name(self) -> str:
        return f"{self.model} at {self.image_size}, batch {self.batch_size}"


SETTINGS = [Setting("mobilenet_v2", 224, 64, 1000), Setting("mobilenet_v2", 64, 128, 200),
            Setting("basic_block_net", 32, 256, 10)]
FURTHER_SETTINGS = [Setting("mobilenet_v2", 224, 16, 1000), Setting("mobilenet_v2", 224, 256, 1000),
                    Setting("mobilenet_v2", 64, 512, 200), Setting("basic_block_net", 32, 128, 10),
                    Setting("basic_block_net", 32, 1024, 10)]


@dataclass(frozen=True)
class Rival:
    """A way to run PyTorch."""

    name: str
    arguments: tuple[str, ...]
    limit: int = STEP_LIMIT


RIVALS = [Rival("f32", ("--precision", "f32")), Rival("tf32", ("--precision", "tf32")),
          Rival("amp", ("--precision", "amp")),
          Rival("f32 compiled", ("--precision", "f32", "--compile"), COMPILE_LIMIT),
          Rival("amp compiled", ("--precision", "amp", "--compile"), COMPILE_LIMIT)]


def last_object(outcome: Outcome) -> dict:
    found = json_lines(outcome.output)
    if not found:
        raise ValueError("no line of JSON")
    return found[-1]


def measured_step(session: Session, setting: Setting, by: str, name: str, command: list, limit: int) -> None:
    def judge(outcome: Outcome) -> Verdict:
        if not outcome.ok:
            return failure(outcome)
        figure = last_object(outcome)
        session.record.measure("steps", {"by": by, **figure})
        return Verdict(True, f"{1e3 * figure['seconds_median']:.2f} ms a step")

    session.check(name, command, limit, judge)


def bench_steps(session: Session, settings: list[Setting]) -> None:
    for setting in settings:
        command = [session.program("bench"), "step", "--device", "cuda", "--steps", "20", *setting.arguments(), "--json"]
        measured_step(session, setting, "Vitrine", setting.name(), command, STEP_LIMIT)


def bench_op(session: Session, op: str) -> None:
    def judge(outcome: Outcome) -> Verdict:
        if not outcome.ok:
            return failure(outcome)
        figure = last_object(outcome)
        session.record.measure("ops", figure)
        best = [f"{kernel['kernel']} {total['name']} {100 * total['share_of_peak']:.0f}%"
                for kernel in figure["kernels"] for total in kernel["totals"][:1]]
        return Verdict(True, f"of peak: {', '.join(best)}")

    session.check(f"op {op}", [session.program("bench"), "op", op, "--device", "cuda", "--json"], OP_LIMIT, judge)


def find_torch(session: Session) -> dict:
    """What the Python that was named can do: torch and torchvision are versions, or why they are not there."""
    code = ("import json\nfound = {}\n"
            "for name in ('torch', 'torchvision'):\n"
            "    try:\n        found[name] = __import__(name).__version__\n"
            "    except Exception as error:\n        found[name + '_problem'] = f'{type(error).__name__}: {error}'\n"
            "if 'torch' in found:\n    import torch\n    found['cuda'] = torch.cuda.is_available()\n"
            "print(json.dumps(found))")
    outcome = session.run("torch", [session.options.python, "-c", code], 120)
    if outcome is None:
        return {}
    found = json_lines(outcome.output)
    if not outcome.ok or not found:
        return {"torch_problem": f"{outcome.ending()}: {outcome.last_line()}"}
    session.record.facts["torch"] = found[-1]
    return found[-1]


def why_no_rival(torch: dict, setting: Setting) -> str:
    if "torch" not in torch:
        return f"PyTorch is not installed ({torch.get('torch_problem', 'there was no time to look')})"
    if not torch.get("cuda"):
        return f"PyTorch {torch['torch']} sees no GPU"
    if setting.model == "mobilenet_v2" and "torchvision" not in torch:
        return f"torchvision, which has this model, is not installed ({torch.get('torchvision_problem', '')})"
    return ""


def race_torch(session: Session, settings: list[Setting], rivals: list[Rival], torch: dict) -> None:
    for setting in settings:
        why = why_no_rival(torch, setting)
        if why:
            session.skip(f"PyTorch, {setting.name()}", why)
            continue
        for rival in rivals:
            command = [session.options.python, ROOT / "tests/peers/torch_step.py", "--device", "cuda", "--warm-up", "5",
                       "--steps", "20", *setting.arguments(), *rival.arguments, "--json"]
            measured_step(session, setting, f"PyTorch {rival.name}", f"PyTorch {rival.name}, {setting.name()}", command,
                          rival.limit)


def benchmarks(session: Session) -> None:
    """The most telling first, for where the time runs out."""
    torch = find_torch(session)
    eager = [rival for rival in RIVALS if "--compile" not in rival.arguments]
    compiled = [rival for rival in RIVALS if "--compile" in rival.arguments]
    bench_steps(session, SETTINGS)
    race_torch(session, SETTINGS, eager, torch)
    kernels = list_kernels(session)
    rest = [op for op in ops_of(kernels) if op not in FIRST_OPS]
    for op in [op for op in FIRST_OPS if op in ops_of(kernels)] + rest:
        bench_op(session, op)
    race_torch(session, SETTINGS, compiled, torch)
    if session.options.full:
        bench_steps(session, FURTHER_SETTINGS)
        race_torch(session, FURTHER_SETTINGS, RIVALS, torch)
