"""A small set of images that can be learned, the same on every machine: needs nothing but Python."""

import math
import pathlib
import random

CLASSES = 10
SIDE = 32
TRAIN, VAL = 32, 8  # of each class


def pixels(label: int, generator: random.Random) -> bytes:
    """Waves whose direction and colour tell the class, with a phase and noise of each image's own."""
    angle = math.pi * label / CLASSES
    step_x, step_y = 0.7 * math.cos(angle), 0.7 * math.sin(angle)
    phase = generator.uniform(0, 2 * math.pi)
    weights = [60 if (label + channel) % 3 == 0 else 25 for channel in range(3)]
    waves = [math.sin(x * step_x + y * step_y + phase) for y in range(SIDE) for x in range(SIDE)]
    values = [128 + int(weight * wave) for wave in waves for weight in weights]  # 68 to 188
    return bytes(value + noise % 64 - 32 for value, noise in zip(values, generator.randbytes(len(values))))


def draw(folder: pathlib.Path) -> None:
    """Writes FOLDER/train/CLASS and FOLDER/val/CLASS, as binary PPM files."""
    generator = random.Random(1)
    for label in range(CLASSES):
        for part, count in (("train", TRAIN), ("val", VAL)):
            place = folder / part / f"class-{label}"
            place.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                head = f"P6\n{SIDE} {SIDE}\n255\n".encode()
                (place / f"{i:02}.ppm").write_bytes(head + pixels(label, generator))
