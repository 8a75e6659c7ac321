"""What a fixture keeps of a tensor that is too large to store: enough to estimate the relative error of another."""

import missing_packages  # noqa: F401
import numpy as np

from formula import PROJECTION_STREAM, SAMPLE_STREAM, words

PROJECTIONS = 8
SAMPLES = 8


def signs(tensor: int, count: int) -> np.ndarray:
    """[PROJECTIONS, count] of +1 and -1: bit k of word i says the sign of element i in projection k (set: -1)."""
    word = words(0, PROJECTION_STREAM, tensor, count)
    bits = (word[None, :] >> np.arange(PROJECTIONS, dtype=np.uint32)[:, None]) & np.uint32(1)
    return 1.0 - 2.0 * bits.astype(np.float64)


def sample_indices(tensor: int, count: int) -> np.ndarray:
    """Word j modulo the tensor's size."""
    return (words(0, SAMPLE_STREAM, tensor, SAMPLES) % np.uint32(count)).astype(np.int64)


def digest(tensors: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The digests of a list of tensors, one row a tensor, in f64."""
    flat = [np.asarray(t, np.float64).reshape(-1) for t in tensors]
    return {
        "sum": np.array([x.sum() for x in flat]),
        "norm": np.array([np.linalg.norm(x) for x in flat]),
        "projections": np.stack([signs(i, x.size) @ x for i, x in enumerate(flat)]),
        "samples": np.stack([x[sample_indices(i, x.size)] for i, x in enumerate(flat)]),
    }
