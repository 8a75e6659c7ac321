"""Finds inputs on which a gradient in f32 is well defined.

Where the input of a ReLU lies nearer to a kink than rounding moves it, two correct f32 programs take different sides,
and one such element changes the gradient of early layers by a hundredth. So each fixture's input comes from the seed,
among the first few hundred, whose distance to the kinks is the largest multiple of PyTorch's own rounding error.

See find_seeds.py.
"""

import copy

import missing_packages  # noqa: F401
import torch
from torch import nn

KINKS = {nn.ReLU: (0.0,), nn.ReLU6: (0.0, 6.0)}


def rectifier_inputs(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """What every ReLU and ReLU6 of the model reads in one forward pass, in f64."""
    kept = []
    hooks = [
        module.register_forward_pre_hook(lambda _, arguments: kept.append(arguments[0].detach().double().clone()))
        for module in model.modules()
        if type(module) in KINKS
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return kept


def kink_margin(model: nn.Module, x: torch.Tensor) -> float:
    """The smallest distance of a rectifier's input from a kink, as a multiple of the layer's rms error in f32."""
    kinks = [KINKS[type(m)] for m in model.modules() if type(m) in KINKS]
    exact = rectifier_inputs(copy.deepcopy(model).double().train(), x.double())
    rounded = rectifier_inputs(copy.deepcopy(model).train(), x)
    return min(
        min((e - kink).abs().min().item() for kink in points) / (r - e).square().mean().sqrt().item()
        for points, e, r in zip(kinks, exact, rounded)
    )


def best_seed(model: nn.Module, make_input, seeds: range) -> tuple[int, float]:
    """The seed with the largest margin, and that margin."""
    margins = {seed: kink_margin(model, make_input(seed)) for seed in seeds}
    seed = max(margins, key=margins.get)
    return seed, margins[seed]
