"""Fashion-MNIST as u8 tensors, read from the IDX files of Debian's dataset-fashion-mnist."""

import gzip
import pathlib

import golden_folder  # noqa: F401
import numpy as np
import torch
from PIL import Image

FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
PREFIX = {True: "train", False: "t10k"}


def read_idx(path: pathlib.Path) -> np.ndarray:
    """Big-endian: two zero bytes, type 8 (u8), number of dimensions, the dimensions as u32, the values."""
    raw = gzip.decompress(path.read_bytes())
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an IDX file of bytes")
    shape = np.frombuffer(raw, ">u4", raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """[count, height, width] as Pillow resizes them: bilinear, antialiased."""
    if side == images.shape[1]:
        return images
    return np.stack([np.asarray(Image.fromarray(i).resize((side, side), Image.Resampling.BILINEAR)) for i in images])


def cropped(images: np.ndarray, side: int) -> np.ndarray:
    """The centre, as torchvision's CenterCrop takes it."""
    corner = round((images.shape[1] - side) / 2.0)
    return images[:, corner:corner + side, corner:corner + side]


def load(train: bool, size: int, folder: pathlib.Path = FOLDER) -> tuple[torch.Tensor, torch.Tensor]:
    """(gray u8 images [count, 1, size, size], labels [count])."""
    images = resized(read_idx(folder / f"{PREFIX[train]}-images-idx3-ubyte.gz"), size)
    labels = read_idx(folder / f"{PREFIX[train]}-labels-idx1-ubyte.gz")
    return torch.from_numpy(images.copy()).unsqueeze(1), torch.from_numpy(labels.astype(np.int64))


def normalise(images: torch.Tensor, mean, deviation) -> torch.Tensor:
    """u8 [n, 1, h, w] → f32 [n, 3, h, w], channels last: (pixel / 255 − mean) / deviation for each of three channels."""
    def broadcast(values):
        return torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)

    x = (images.float() / 255.0 - broadcast(mean)) / broadcast(deviation)
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def accuracy(model, images: torch.Tensor, labels: torch.Tensor, mean, deviation) -> float:
    model.eval()
    correct = 0
    for part, expected in zip(images.split(500), labels.split(500)):
        correct += (model(normalise(part, mean, deviation)).argmax(1) == expected).sum().item()
    return correct / len(labels)
