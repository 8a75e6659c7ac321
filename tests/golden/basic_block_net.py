"""BasicBlockNet in PyTorch: the model that Vitrine's basic_block_net is checked against and raced with."""

import missing_packages  # noqa: F401
from torch import nn


class BasicBlockNet(nn.Module):
    """One residual block, a pooling layer and a classifier for square images whose side is a multiple of 8.

    The names of the layers are the names in a checkpoint: layer_1.{0,1,3,4}, layer_2 and layer_5.
    """

    def __init__(self, num_classes: int = 10, image_size: int = 32):
        super().__init__()
        channels = 32
        self.layer_1 = nn.Sequential(
            nn.Conv2d(3, channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(channels),
        )
        self.layer_2 = nn.Conv2d(3, channels, kernel_size=1)
        self.layer_3 = nn.ReLU()
        self.layer_4 = nn.AvgPool2d(8)
        self.layer_5 = nn.Linear(channels * (image_size // 8) ** 2, num_classes)

    def forward(self, x):
        x = self.layer_3(self.layer_1(x) + self.layer_2(x))
        return self.layer_5(self.layer_4(x).flatten(1))
