"""Numbers that Python and C++ both compute exactly, so that a fixture need not store them.

Everything comes from Philox 4x32-10 words, counted as in kernels/philox.h. A value is offset + scale * (u - 1/2) with u
a 24-bit uniform and scale a power of two: the product is exact, the sum is rounded once, and so the f32 result is the
same with and without fused multiply-add.
"""

import math

import missing_packages  # noqa: F401
import numpy as np

TEST_PURPOSE = 7  # RandomPurpose::test

# The `epoch` of the random key: one stream for each use.
PARAMETER_STREAM, COARSE_STREAM, FINE_STREAM, LABEL_STREAM, PROJECTION_STREAM, SAMPLE_STREAM = range(1, 7)


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Ten rounds on counters [count, 4] of u32 with one 64-bit key."""
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [counter[:, i].astype(np.uint64) for i in range(4)]
    k = [key[0], key[1]]
    for _ in range(10):
        product0, product1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [
            (product1 >> shift) ^ c[1] ^ np.uint64(k[0]),
            product1 & mask,
            (product0 >> shift) ^ c[3] ^ np.uint64(k[1]),
            product0 & mask,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, axis=1).astype(np.uint32)


def words(seed: int, stream: int, tensor: int, count: int) -> np.ndarray:
    """random_word(key, 0 … count-1) for the key {seed, test, epoch = stream, sample = tensor}."""
    blocks = (count + 3) // 4
    counter = np.zeros((blocks, 4), np.uint32)
    counter[:, 0] = np.arange(blocks)
    counter[:, 1:] = tensor, stream, TEST_PURPOSE
    return philox(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1)[:count]


def values(seed: int, stream: int, tensor: int, shape, offset: float, scale: float) -> np.ndarray:
    """offset + scale * (u - 1/2) in f32, filled in C order."""
    if math.frexp(scale)[0] != 0.5:
        raise ValueError(f"scale {scale} is not a power of two")
    u = (words(seed, stream, tensor, math.prod(shape)) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return (np.float32(offset) + np.float32(scale) * (u - np.float32(0.5))).reshape(shape)


def images(seed: int, batch: int, size: int) -> np.ndarray:
    """f32 NCHW images: an 8x8 grid of colours in [-2, 2) and pixel noise in [-1/2, 1/2), their sum rounded once."""
    coarse = values(seed, COARSE_STREAM, 0, (batch, 3, 8, 8), 0.0, 4.0)
    cell = np.arange(size) * 8 // size
    fine = values(seed, FINE_STREAM, 0, (batch, 3, size, size), 0.0, 1.0)
    return coarse[:, :, cell][:, :, :, cell] + fine


def labels(seed: int, batch: int, classes: int) -> np.ndarray:
    """Word i modulo the number of classes."""
    return (words(seed, LABEL_STREAM, 0, batch) % np.uint32(classes)).astype(np.int64)
