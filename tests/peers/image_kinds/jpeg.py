"""JPEG: every subsampling, one scan and several, restart markers, gray, RGB, CMYK and YCCK."""
import io

from PIL import Image

from .pictures import picture

SUBSAMPLINGS = ["4:4:4", "4:2:2", "4:2:0", "4:1:1"]


def saved(image, **options):
    stream = io.BytesIO()
    image.save(stream, "jpeg", **options)
    return stream.getvalue()


def options(random):
    chosen = {"quality": random.choice([1, 30, 75, 95, 100, random.randint(1, 100)])}
    if random.random() < 0.4:
        chosen["progressive"] = True
    if random.random() < 0.3:
        chosen["optimize"] = True
    if random.random() < 0.3:
        chosen[random.choice(["restart_marker_blocks", "restart_marker_rows"])] = random.randint(1, 5)
    return chosen


def four_channels(random, kind):
    content = saved(Image.fromarray(picture(random, 4), "CMYK"), **options(random))
    marker = content.index(b"Adobe")
    if kind == "ycck":  # the byte that says how colours were transformed
        return content[: marker + 11] + b"\2" + content[marker + 12 :]
    return content[: marker - 4] + content[marker + 12 :] if kind == "cmyk_unmarked" else content


def one(random, kind):
    if kind == "gray":
        return saved(Image.fromarray(picture(random, 1)), **options(random))
    if kind in ("cmyk", "cmyk_unmarked", "ycck"):
        return four_channels(random, kind)
    colour = Image.fromarray(picture(random, 3))
    if kind == "rgb":
        return saved(colour, keep_rgb=True, **options(random))
    return saved(colour, subsampling=kind, **options(random))


def files(random, count):
    kinds = SUBSAMPLINGS * 2 + ["gray", "rgb", "cmyk", "cmyk_unmarked", "ycck"]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield f"{kind.replace(':', '')}.jpg", one(random, kind)
