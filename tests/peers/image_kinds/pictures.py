"""Pixels for the kinds beside it: of any size, smooth, rough and flat, with every level from 0 to 255."""
import numpy


def side(random):
    return random.choice([1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, random.randint(1, 100), random.randint(1, 100)])


def generator(random):
    return numpy.random.default_rng(random.getrandbits(64))


def picture(random, channels, width=None, height=None):
    """[height, width, channels] of bytes, or [height, width] where there is one channel."""
    width, height = width or side(random), height or side(random)
    noise = generator(random)
    kind = random.choice(["waves", "waves", "noise", "flat", "few"])
    if kind == "waves":
        y, x = numpy.mgrid[0:height, 0:width]
        planes = [128 + 110 * numpy.sin(x / noise.uniform(1, 20) + y / noise.uniform(1, 20) + c) for c in range(channels)]
        pixels = (numpy.stack(planes, -1) + noise.normal(0, random.choice([0, 5, 40]), (height, width, channels))).clip(0, 255)
    elif kind == "flat":
        pixels = numpy.broadcast_to(noise.integers(0, 256, channels), (height, width, channels))
    elif kind == "few":  # levels, in runs
        runs = noise.integers(0, 256, (height, (width + 4) // 5, channels)) // 64 * 85
        pixels = numpy.repeat(runs, 5, axis=1)[:, :width]
    else:
        pixels = noise.integers(0, 256, (height, width, channels))
    pixels = numpy.ascontiguousarray(pixels, numpy.uint8)
    return pixels[:, :, 0] if channels == 1 else pixels
