"""A scheduler as a recipe has it, and the sequence that PyTorch makes of it: for make_schedulers.py and
tests/peers/compare_schedulers.py.

A case is a dictionary {learning_rate, momentum, steps, scheduler, warmup?, hold?, metrics?}; to_toml() writes it for Vitrine.
"""

import warnings

import missing_packages  # noqa: F401
import torch
from torch.optim import lr_scheduler as torch_schedulers

# What Vitrine calls it, what PyTorch does.
CLASSES = {"step": "StepLR", "multi_step": "MultiStepLR", "exponential": "ExponentialLR", "cyclic": "CyclicLR",
           "cosine": "CosineAnnealingLR", "cosine_warm_restarts": "CosineAnnealingWarmRestarts",
           "reduce_on_plateau": "ReduceLROnPlateau", "one_cycle": "OneCycleLR", "polynomial": "PolynomialLR"}
KEYS = {"cosine": {"period": "T_max", "min_lr": "eta_min"},
        "cosine_warm_restarts": {"first_period": "T_0", "period_factor": "T_mult", "min_lr": "eta_min"},
        "one_cycle": {"anneal": "anneal_strategy"}, "polynomial": {"total_steps": "total_iters"}}
VALUES = {"cosine": "cos", "relative": "rel", "absolute": "abs"}

warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
warnings.filterwarnings("ignore", message="The epoch parameter in `scheduler.step")


def torch_sequence(case: dict) -> list[tuple[float, float]]:
    """(learning rate, momentum) of each step."""
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimiser = torch.optim.SGD([parameter], lr=case["learning_rate"], momentum=case["momentum"])
    scheduler = after_others(case, optimiser, make(case["scheduler"], optimiser))
    group = optimiser.param_groups[0]
    settings = []
    for step in range(case["steps"]):
        settings.append((float(group["lr"]), float(group["momentum"])))
        if step + 1 == case["steps"] or scheduler is None:
            continue
        scheduler.step(*([case["metrics"][step]] if "metrics" in case else []))
    return settings


def make(spec: dict, optimiser: torch.optim.Optimizer):
    kind = spec["kind"]
    settings = {key: VALUES.get(value, value) if isinstance(value, str) else value
                for key, value in spec.items() if key not in ("kind", "per")}
    if kind == "constant":
        return None
    if kind == "reduce_on_plateau":
        settings["mode"] = "max" if settings.pop("metric", "val_loss") == "val_accuracy" else "min"
    names = KEYS.get(kind, {})
    return getattr(torch_schedulers, CLASSES[kind])(
        optimiser, **{names.get(key, key): value for key, value in settings.items()})


def after_others(case: dict, optimiser: torch.optim.Optimizer, scheduler):
    """After the warm-up and the hold of the case. The scheduler is constructed first, and LinearLR starts from its
    initial_lr."""
    sequence, ends = [], []
    if "warmup" in case:
        ends.append(case["warmup"]["length"])
        sequence.append(torch_schedulers.LinearLR(optimiser, start_factor=case["warmup"]["start_factor"], end_factor=1.0,
                                                  total_iters=ends[-1]))
    if "hold" in case:
        length = case["hold"]["length"]
        ends.append(length + sum(ends))
        sequence.append(torch_schedulers.ConstantLR(optimiser, factor=1.0, total_iters=length))
    if not sequence:
        return scheduler
    return torch_schedulers.SequentialLR(optimiser, [*sequence, scheduler], milestones=ends)


def to_toml(case: dict) -> str:
    return "".join(f"{key} = {toml_value(value)}\n" for key, value in case.items())


def toml_value(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    return repr(value)
