"""Writes optimiser_steps.json: ten steps of what long runs use, as PyTorch takes them in f64.

    python tests/golden/make_optimiser_steps.py

Weight decay on weights alone (parameter groups), a momentum that changes from step to step, gradients accumulated over
batches, clip_grad_norm_, options that change in mid-run, and AveragedModel with a decay and with averaged buffers.
"""

import json
import pathlib

import missing_packages  # noqa: F401
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

STEPS = 10
SHAPES = {"weight": [2, 3], "norm.weight": [2], "bias": [2]}
CYCLIC_MOMENTUM = [0.9, 0.88, 0.86, 0.84, 0.82, 0.8, 0.82, 0.84, 0.86, 0.88]
CASES = {
    "decay on weights": {"weight_decay": 0.05, "decay_norms_and_biases": False, "momentum": CYCLIC_MOMENTUM},
    "clipped": {"weight_decay": 0.01, "nesterov": True, "momentum": [0.9] * STEPS, "max_norm": 7.0},
    "accumulated and clipped": {
        "weight_decay": 0.05, "decay_norms_and_biases": False, "dampening": 0.25, "momentum": CYCLIC_MOMENTUM,
        "batches": 3, "max_norm": 1.0,
    },
    "momentum comes and goes": {"weight_decay": 0.1, "momentum": [0.0, 0.0, 0.9, 0.9, 0.0, 0.9, 0.5, 0.0, 0.9, 0.9]},
    "a second phase": {
        "weight_decay": 0.001, "momentum": [0.9] * STEPS,
        "phase_2": {"step": 5, "weight_decay": 0.1, "nesterov": True},
    },
}
EMA_DECAYS = [0.9, 0.25]


class Model(torch.nn.Module):
    """A weight, the scale of a norm, a bias, and a norm's running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[1.0, -0.5, 0.25], [2.0, -3.0, 0.125]], dtype=torch.float64))
        self.norm = torch.nn.Module()
        self.norm.weight = torch.nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
        self.norm.register_buffer("running_mean", torch.zeros(2, dtype=torch.float64))
        self.bias = torch.nn.Parameter(torch.tensor([0.5, -0.25], dtype=torch.float64))

    def values(self) -> dict:
        return {name: value.flatten().tolist() for name, value in self.state_dict().items()}


def draw(generator: torch.Generator, shape: list[int]) -> torch.Tensor:
    """Multiples of 1/16 within ±4: short to write, exact to read."""
    return torch.randint(-64, 65, shape, generator=generator).to(torch.float64) / 16


def run(case: dict) -> dict:
    generator = torch.Generator().manual_seed(7)
    model = Model()
    decay, batches = case["weight_decay"], case.get("batches", 1)
    named = dict(model.named_parameters())
    vectors_decay = decay if case.get("decay_norms_and_biases", True) else 0.0
    groups = [{"params": [p], "weight_decay": decay if p.ndim > 1 else vectors_decay} for p in named.values()]
    optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=case.get("nesterov", False),
                                dampening=case.get("dampening", 0.0))
    averages = {d: AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(d), use_buffers=True) for d in EMA_DECAYS}
    steps = []
    for step in range(STEPS):
        phase_2 = case.get("phase_2")
        if phase_2 and step == phase_2["step"]:
            for group in optimiser.param_groups:
                group.update({key: value for key, value in phase_2.items() if key != "step"})
        rate = 0.1 / (1 + step)
        for group in optimiser.param_groups:
            group.update(lr=rate, momentum=case["momentum"][step])
        optimiser.zero_grad()
        gradients = []
        for _ in range(batches):
            gradients.append({name: draw(generator, SHAPES[name]) for name in SHAPES})
            loss = sum((named[name] * gradient).sum() for name, gradient in gradients[-1].items())
            (loss / batches).backward()
        entry = {"rate": rate, "gradients": [{n: g.flatten().tolist() for n, g in one.items()} for one in gradients]}
        if "max_norm" in case:
            entry["norm"] = torch.nn.utils.clip_grad_norm_(model.parameters(), case["max_norm"]).item()
        optimiser.step()
        model.norm.running_mean.copy_(draw(generator, [2]))
        for averaged in averages.values():
            averaged.update_parameters(model)
        entry["values"] = model.values()
        entry["averages"] = [averaged.module.values() for averaged in averages.values()]
        steps.append(entry)
    return case | {"steps": steps}


def main() -> None:
    start = Model().values()
    lines = [f' "torch": {json.dumps(torch.__version__)}', f' "shapes": {json.dumps(SHAPES)}']
    lines += [f' "start": {json.dumps(start)}', f' "ema_decays": {json.dumps(EMA_DECAYS)}']
    cases = []
    for name, case in CASES.items():
        result = {"name": name} | run(case)
        steps = ",\n".join("    " + json.dumps(step) for step in result.pop("steps"))
        cases.append("  " + json.dumps(result)[:-1] + f', "steps": [\n{steps}]}}')
    lines.append(' "cases": [\n' + ",\n".join(cases) + "]")
    (pathlib.Path(__file__).parent / "optimiser_steps.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
