"""Writes optimisers.json: torch.optim.SGD on small vectors, and the learning rates of PyTorch's schedulers.

    python tests/golden/make_optimisers.py
"""

import itertools
import json
import pathlib
import warnings

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

START = [1.0, -0.5, 0.25, 2.0, -3.0]
RATES = [0.1, 0.1, 0.05, 0.2, 0.01]  # the learning rate of each step: it multiplies after the momentum buffer
GRADIENTS = [
    [0.5, -1.0, 0.25, 0.125, 2.0],
    [-0.25, 0.5, 1.5, -0.75, 0.0],
    [1.0, 1.0, -1.0, 0.5, -0.5],
    [0.0, -2.0, 0.75, 0.25, 1.25],
    [-1.5, 0.125, 0.5, -0.5, 0.375],
]


def sgd_case(momentum: float, weight_decay: float, dampening: float, nesterov: bool) -> dict:
    settings = {"momentum": momentum, "weight_decay": weight_decay, "dampening": dampening, "nesterov": nesterov}
    parameter = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimiser = torch.optim.SGD([parameter], lr=RATES[0], **settings)
    trajectory = []
    for rate, gradient in zip(RATES, GRADIENTS):
        optimiser.param_groups[0]["lr"] = rate
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimiser.step()
        trajectory.append(parameter.detach().tolist())
    return settings | {"trajectory": trajectory}


def sgd_cases() -> list[dict]:
    combinations = itertools.product((0.0, 0.9), (0.0, 1e-4, 0.1), (0.0, 0.3), (False, True))
    return [
        sgd_case(momentum, weight_decay, dampening, nesterov)
        for momentum, weight_decay, dampening, nesterov in combinations
        if not nesterov or (momentum > 0 and dampening == 0)
    ]


def new_optimiser(lr: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def cosine_case(lr: float, period: int, minimum: float, count: int) -> dict:
    optimiser = new_optimiser(lr)
    scheduler = CosineAnnealingLR(optimiser, T_max=period, eta_min=minimum)
    recursive, closed = [], []
    for _ in range(count):
        recursive.append(optimiser.param_groups[0]["lr"])
        closed.append(float(scheduler._get_closed_form_lr()[0]))
        scheduler.step()
    return {"lr": lr, "period": period, "minimum": minimum, "recursive": recursive, "closed_form": closed}


def one_cycle_case(maximum: float, total_steps: int, **settings) -> dict:
    optimiser = new_optimiser(maximum)
    scheduler = OneCycleLR(optimiser, max_lr=maximum, total_steps=total_steps, **settings)
    rates, momenta = [], []
    for step in range(total_steps):
        rates.append(optimiser.param_groups[0]["lr"])
        momenta.append(optimiser.param_groups[0]["momentum"])
        if step + 1 < total_steps:
            scheduler.step()
    return {"max_lr": maximum, "total_steps": total_steps} | settings | {"lr": rates, "momentum": momenta}


def main() -> None:
    warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
    sections = {
        "sgd": sgd_cases(),
        "cosine": [cosine_case(0.1, 10, 0.0, 35), cosine_case(0.05, 7, 1e-4, 30), cosine_case(1.0, 1, 0.1, 4)],
        "one_cycle": [
            one_cycle_case(0.1, 10),
            one_cycle_case(0.05, 37),
            one_cycle_case(0.2, 100),
            one_cycle_case(0.1, 25, pct_start=0.2, div_factor=10.0, final_div_factor=100.0),
            one_cycle_case(0.1, 20, anneal_strategy="linear"),
            one_cycle_case(0.1, 20, cycle_momentum=False),
        ],
    }
    lines = [f' "torch": {json.dumps(torch.__version__)}']
    lines += [f' "{key}": {json.dumps(value)}' for key, value in (("start", START), ("rates", RATES))]
    lines += [f' "gradients": {json.dumps(GRADIENTS)}']
    for key, cases in sections.items():
        lines.append(f' "{key}": [\n' + ",\n".join("  " + json.dumps(case) for case in cases) + "]")
    (pathlib.Path(__file__).parent / "optimisers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
