"""The cases of the model fixtures: which model, which images."""

from dataclasses import dataclass

import missing_packages  # noqa: F401
import torch

import formula
from basic_block_net import BasicBlockNet
from model_states import formula_resnet18, full_width, quarter_width, scatter_batch_norm


@dataclass(frozen=True)
class Case:
    name: str
    model: str  # "basic_block_net", "mobilenet_v2" or "resnet18"
    width_mult: float
    classes: int
    image_size: int
    batch_size: int
    seed: int  # of the images and the labels; found by find_seeds.py
    training: bool = True  # train-mode logits, loss and gradients, not only eval-mode logits
    steps: int = 0  # of SGD, all on the same batch
    lr: float = 0.001  # of those steps; small enough that rounding does not grow chaotically from step to step

    def build(self):
        if self.model == "basic_block_net":
            torch.manual_seed(1)
            model = BasicBlockNet(self.classes, self.image_size)
            scatter_batch_norm(model)
            return model
        if self.model == "resnet18":
            return formula_resnet18(self.classes)
        return quarter_width() if self.width_mult == 0.25 else full_width(self.classes)

    def input(self) -> torch.Tensor:
        return torch.from_numpy(formula.images(self.seed, self.batch_size, self.image_size))

    def labels(self) -> torch.Tensor:
        return torch.from_numpy(formula.labels(self.seed, self.batch_size, self.classes))


CASES = [
    Case("basic_block_net_32", "basic_block_net", 1.0, 10, 32, 4, seed=23, steps=10, lr=0.01),
    Case("mobilenet_v2_quarter_64", "mobilenet_v2", 0.25, 10, 64, 8, seed=72, steps=10),
    Case("mobilenet_v2_quarter_75", "mobilenet_v2", 0.25, 10, 75, 3, seed=10),
    Case("mobilenet_v2_full_32", "mobilenet_v2", 1.0, 10, 32, 16, seed=38, steps=10),
    Case("mobilenet_v2_full_64", "mobilenet_v2", 1.0, 10, 64, 4, seed=50),
    Case("mobilenet_v2_full_224", "mobilenet_v2", 1.0, 1000, 224, 2, seed=0, training=False),
    Case("resnet18_32", "resnet18", 1.0, 10, 32, 8, seed=87, steps=10),
    Case("resnet18_224", "resnet18", 1.0, 1000, 224, 1, seed=0, training=False),
]
