"""Writes facts.json: parameter counts, MACs, the state_dicts' tensors and the initialisations of PyTorch's models.

    python tests/golden/make_facts.py
"""

import json
import math
import pathlib

import missing_packages  # noqa: F401
import torch
from torch import nn
from torchvision.models import mobilenet_v2, resnet18

from basic_block_net import BasicBlockNet

WIDTHS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.4)
CLASSES = (10, 100, 200, 1000)

# What each kind of tensor is drawn from; checked below against PyTorch's own draws.
MOBILENET_INITIALISATION = [
    {"kind": "conv weight", "distribution": "normal", "std": "sqrt(2 / fan_out)", "fan_out": "out_channels * k * k"},
    {"kind": "batch norm weight", "distribution": "constant", "value": 1.0},
    {"kind": "batch norm bias", "distribution": "constant", "value": 0.0},
    {"kind": "linear weight", "distribution": "normal", "std": "0.01"},
    {"kind": "linear bias", "distribution": "constant", "value": 0.0},
    {"kind": "running_mean", "distribution": "constant", "value": 0.0},
    {"kind": "running_var", "distribution": "constant", "value": 1.0},
]
RESNET_INITIALISATION = [
    {"kind": "conv weight", "distribution": "normal", "std": "sqrt(2 / fan_out)", "fan_out": "out_channels * k * k"},
    {"kind": "batch norm weight", "distribution": "constant", "value": 1.0},
    {"kind": "batch norm bias", "distribution": "constant", "value": 0.0},
    {"kind": "linear weight or bias", "distribution": "uniform", "bound": "1 / sqrt(fan_in)", "fan_in": "in_features"},
    {"kind": "running_mean", "distribution": "constant", "value": 0.0},
    {"kind": "running_var", "distribution": "constant", "value": 1.0},
]
BASIC_BLOCK_INITIALISATION = [
    {"kind": "conv or linear weight", "distribution": "uniform", "bound": "1 / sqrt(fan_in)",
     "fan_in": "in_channels / groups * k * k, or in_features"},
    {"kind": "conv or linear bias", "distribution": "uniform", "bound": "1 / sqrt(fan_in)"},
    {"kind": "batch norm weight", "distribution": "constant", "value": 1.0},
    {"kind": "batch norm bias", "distribution": "constant", "value": 0.0},
]


def count_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def count_macs(model: nn.Module, size: int) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image."""
    total = 0

    def count(module, _arguments, output):
        nonlocal total
        total += output.numel() * math.prod(module.weight.shape[1:])

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return total


def state(model: nn.Module) -> list[list]:
    """[name, shape, dtype] of every tensor, in order."""
    return [[name, list(t.shape), str(t.dtype).removeprefix("torch.")] for name, t in model.state_dict().items()]


def check_initialisation() -> None:
    """Stops where PyTorch's draws do not have the deviation or the bound written above."""
    torch.manual_seed(0)
    for module in mobilenet_v2().modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size)
            check_ratio(module.weight.std().item() / math.sqrt(2 / fan_out), module.weight.numel())
        elif isinstance(module, nn.Linear):
            check_ratio(module.weight.std().item() / 0.01, module.weight.numel())
            assert not module.bias.any()
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and not module.bias.any()
    for module in resnet18().modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size)
            check_ratio(module.weight.std().item() / math.sqrt(2 / fan_out), module.weight.numel())
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and not module.bias.any()
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            assert module.bias.abs().max() <= bound
            assert 0.9 * bound < module.weight.abs().max() <= bound
    for module in BasicBlockNet().modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            bound = 1 / math.sqrt(math.prod(module.weight.shape[1:]))
            assert module.bias.abs().max() <= bound
            assert 0.9 * bound < module.weight.abs().max() <= bound


def check_ratio(ratio: float, count: int) -> None:
    assert abs(ratio - 1) < 5 / math.sqrt(2 * count), f"deviation is off by {ratio}"


def mobilenet_facts() -> dict:
    return {
        "parameters": {str(w): {str(c): count_parameters(mobilenet_v2(width_mult=w, num_classes=c)) for c in CLASSES}
                       for w in WIDTHS},
        "macs_1000_classes": {str(size): count_macs(mobilenet_v2(), size) for size in (32, 64, 96, 224)},
        "macs_224_by_width": {str(w): count_macs(mobilenet_v2(width_mult=w), 224) for w in WIDTHS},
        "convolutions": sum(isinstance(m, nn.Conv2d) for m in mobilenet_v2().modules()),
        "initialisation": MOBILENET_INITIALISATION,
        "state_1000_classes": state(mobilenet_v2()),
    }


def resnet_facts() -> dict:
    return {
        "parameters": {str(c): count_parameters(resnet18(num_classes=c)) for c in CLASSES},
        "macs_1000_classes": {str(size): count_macs(resnet18(), size) for size in (32, 64, 224)},
        "initialisation": RESNET_INITIALISATION,
        "state_1000_classes": state(resnet18()),
    }


def basic_block_facts() -> dict:
    sizes = (8, 16, 32, 64, 224)
    return {
        "parameters": {str(s): {str(c): count_parameters(BasicBlockNet(c, s)) for c in CLASSES} for s in sizes},
        "macs_10_classes": {str(s): count_macs(BasicBlockNet(10, s), s) for s in sizes},
        "initialisation": BASIC_BLOCK_INITIALISATION,
        "state_10_classes": state(BasicBlockNet()),
    }


def main() -> None:
    check_initialisation()
    facts = {"mobilenet_v2": mobilenet_facts(), "basic_block_net": basic_block_facts(), "resnet18": resnet_facts()}
    lines = []
    for model, entries in facts.items():
        rows = []
        for key, value in entries.items():
            if isinstance(value, list):
                value = "[\n" + ",\n".join("   " + json.dumps(row) for row in value) + "]"
            else:
                value = json.dumps(value)
            rows.append(f'  "{key}": {value}')
        lines.append(f' "{model}": {{\n' + ",\n".join(rows) + "}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    assert json.loads(text) == facts
    (pathlib.Path(__file__).parent / "models" / "facts.json").write_text(text)


if __name__ == "__main__":
    main()
