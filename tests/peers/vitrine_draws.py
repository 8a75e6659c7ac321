"""What Vitrine draws from a seed, drawn in Python: which images a subset keeps, and their order in an epoch.

As data/split.cpp, data/loader.cpp and engine/random.cpp do it, with the words of kernels/philox.h.
"""

import golden_folder  # noqa: F401
import numpy as np
from formula import philox

SHUFFLE, SUBSET = 2, 4  # RandomPurpose


def uniforms(seed: int, purpose: int, epoch: int, sample: int, count: int) -> np.ndarray:
    """Draws 0 … count-1 of 53 bits in [0, 1)."""
    counter = np.zeros((count // 2 + 1, 4), np.uint32)
    counter[:, 0] = np.arange(len(counter))
    counter[:, 1:] = sample, epoch, purpose
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1, 2).astype(np.uint64)[:count]
    return ((words[:, 0] << np.uint64(32) | words[:, 1]) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(seed: int, purpose: int, epoch: int, sample: int, count: int) -> list[int]:
    order = list(range(count))
    draws = uniforms(seed, purpose, epoch, sample, count + 1)
    for i in range(count, 1, -1):
        j = int(draws[i] * i)
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


def subset(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The kept images, the same share of each class, in ascending order."""
    kept = []
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        shuffled = members[permutation(seed, SUBSET, 0, label, len(members))]
        kept.extend(shuffled[:max(1, int(share * len(members) + 0.5))])
    return np.sort(np.array(kept))


def epoch_order(seed: int, epoch: int, count: int) -> list[int]:
    return permutation(seed, SHUFFLE, epoch, 0, count)
