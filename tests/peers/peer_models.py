"""The models in PyTorch, by Vitrine's names."""

import golden_folder  # noqa: F401
from basic_block_net import BasicBlockNet

NAMES = ("mobilenet_v2", "basic_block_net", "resnet18")


def build(name: str, classes: int, image_size: int, width_mult: float = 1.0, dropout: float = 0.2):
    if name == "mobilenet_v2":
        from torchvision.models import mobilenet_v2  # here, so that basic_block_net needs no torchvision

        return mobilenet_v2(num_classes=classes, width_mult=width_mult, dropout=dropout)
    if name == "resnet18":
        from torchvision.models import resnet18

        return resnet18(num_classes=classes)
    if name == "basic_block_net":
        return BasicBlockNet(classes, image_size)
    raise ValueError(f"there is no model {name}; there are {', '.join(NAMES)}")
