"""The models of the fixtures whose parameters follow a formula (full-width MobileNetV2, ResNet-18), and MobileNetV2 of
quarter width as torchvision initialises it.

Batch norm's bias is away from zero in both. Were it zero, a rectifier between two batch norms would make the first one's
weight a mere change of scale that the second undoes, so that its gradient is rounding noise; and a network with every
rectifier centred on its kink amplifies rounding layer by layer: PyTorch's f32 gradients would be off by 1e-4 and more
from its f64 ones, here they are within 1e-5. A fifth of the elements are clipped at 0 (quarter width); some at 0 and a
few at 6 (full width).
"""

import math

import missing_packages  # noqa: F401
import torch
from torchvision.models import mobilenet_v2, resnet18

import formula

PARAMETER_SEED = 1
STATISTICS_SIZE, STATISTICS_BATCH = 64, 8  # the images whose statistics become the running statistics


def rule(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """(offset, scale) of a parameter; weights deviate about as at initialisation."""
    if len(shape) == 4:
        fan_out = shape[0] * shape[2] * shape[3]
        return 0.0, 2.0 ** round(math.log2(2.0 * math.sqrt(6.0 / fan_out)))
    if name.startswith(("classifier", "fc")):
        return 0.0, 0.0625
    return (1.0, 0.5) if name.endswith("weight") else (2.0, 2.0)


def batch_norms(model) -> list[torch.nn.BatchNorm2d]:
    return [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def observe_statistics(model) -> None:
    """Sets the running statistics to those of one batch (unbiased variance), computed in f64."""
    model.double().train()
    for norm in batch_norms(model):
        norm.momentum = 1.0
    with torch.no_grad():
        model(torch.from_numpy(formula.images(PARAMETER_SEED, STATISTICS_BATCH, STATISTICS_SIZE)).double())
    for norm in batch_norms(model):
        norm.momentum = 0.1
    model.float()


def full_width(classes: int = 10):
    return by_formula(mobilenet_v2(num_classes=classes, dropout=0.0))


def formula_resnet18(classes: int = 10):
    return by_formula(resnet18(num_classes=classes))


def by_formula(model):
    """With parameters by the formula; the index in the random stream is the place in the state_dict."""
    parameters = {name for name, _ in model.named_parameters()}
    for index, (name, tensor) in enumerate(model.state_dict().items()):
        if name in parameters:
            shape = tuple(tensor.shape)
            tensor.copy_(torch.from_numpy(
                formula.values(PARAMETER_SEED, formula.PARAMETER_STREAM, index, shape, *rule(name, shape))
            ))
    observe_statistics(model)
    return model


def scatter_batch_norm(model) -> None:
    """Draws batch norm's weights and biases from U[.75, 1.25] and U[.5, 1.5]."""
    with torch.no_grad():
        for norm in batch_norms(model):
            norm.weight.uniform_(0.75, 1.25)
            norm.bias.uniform_(0.5, 1.5)


def quarter_width():
    """Width 0.25 as torchvision initialises it, batch norm scattered, with the running statistics of a batch."""
    torch.manual_seed(PARAMETER_SEED)
    model = mobilenet_v2(width_mult=0.25, num_classes=10, dropout=0.0)
    scatter_batch_norm(model)
    observe_statistics(model)
    return model
