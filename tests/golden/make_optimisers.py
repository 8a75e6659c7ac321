"""Writes optimisers.json: torch.optim.SGD on small vectors.

    python tests/golden/make_optimisers.py
"""

import itertools
import json
import pathlib

import missing_packages  # noqa: F401
import torch

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


def main() -> None:
    sections = {
        "sgd": sgd_cases(),
    }
    lines = [f' "torch": {json.dumps(torch.__version__)}']
    lines += [f' "{key}": {json.dumps(value)}' for key, value in (("start", START), ("rates", RATES))]
    lines += [f' "gradients": {json.dumps(GRADIENTS)}']
    for key, cases in sections.items():
        lines.append(f' "{key}": [\n' + ",\n".join("  " + json.dumps(case) for case in cases) + "]")
    (pathlib.Path(__file__).parent / "optimisers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
