"""Writes distributions.json: how often torchvision's random transforms choose what, as histograms.

    python tests/golden/make_distributions.py

needs torch, torchvision and Pillow; takes some minutes. No pixel is touched: the functions that would are replaced
by recorders, and the histograms are of what they were called with. tests/transforms/distributions_test.cpp draws
from the recipes here and compares; it must also tell the `wrong` ones, which differ slightly, apart.
"""
import collections
import json
import math
import pathlib
import re

import missing_packages  # noqa: F401
import torch
import torchvision
import torchvision.transforms as T
import torchvision.transforms.autoaugment as A
import torchvision.transforms.functional as F
import torchvision.transforms.v2 as v2
from PIL import Image

DRAWS = 200_000
calls = []  # (name as Program::names has it, its arguments) of the transform that runs


def recorder(name, arguments=lambda *a: a):
    def record(image, *given, **named):
        calls.append((name, arguments(*given, *named.values())))
        return image
    return record


def policy_op(image, op_name, magnitude, interpolation, fill):
    name = re.sub(r"(?<=[a-z])(?=[XY]$)", " ", op_name).lower().replace("color", "saturation")
    value = {"Posterize": float(int(magnitude)), "TranslateX": float(math.trunc(magnitude)),
             "TranslateY": float(math.trunc(magnitude))}.get(op_name, magnitude)
    if name in ("brightness", "saturation", "contrast", "sharpness"):
        value = 1.0 + magnitude
    calls.append((name, () if name in ("identity", "autocontrast", "equalize") else (value,)))
    return image


def affine(angle, translate, scale, shear, *_):
    width, height = size
    return F._get_inverse_affine_matrix([width * 0.5, height * 0.5], angle, translate, scale, shear)


F.hflip, F.vflip = recorder("flip horizontal"), recorder("flip vertical")
F.adjust_brightness, F.adjust_contrast = recorder("brightness"), recorder("contrast")
F.adjust_saturation, F.adjust_hue = recorder("saturation"), recorder("hue")
F.rgb_to_grayscale, F.posterize = recorder("grayscale", lambda *_: ()), recorder("posterize")
F.solarize, F.adjust_sharpness = recorder("solarize"), recorder("sharpness")
F.autocontrast, F.equalize = recorder("autocontrast"), recorder("equalize")
F.rotate = recorder("rotate", lambda angle, *_: (angle,))
F.affine = recorder("affine", affine)
F.crop, F.resized_crop, F.erase = recorder("crop"), recorder("box"), recorder("box")
A._apply_op = policy_op


# What is observed of a draw: a number, a text, or None where there is nothing.

def argument(name, index=0):
    return next((given[index] for called, given in calls if called == name), None)


def box(part):
    if argument("box") is None:
        return None
    top, left, height, width = (argument("box", i) for i in range(4))
    if part == "log ratio":
        return math.log(width / height)
    all_width, all_height = size
    share = lambda value, room: value / room if room else 0.5
    return {"area": width * height / (all_width * all_height), "left": share(left, all_width - width),
            "top": share(top, all_height - height)}[part]


def observe(what):
    if what == "kinds":
        return ", ".join(name for name, _ in calls)
    if what == "names":
        return ", ".join(name + "".join(f" {value:.2f}" for value in given) for name, given in calls)
    if what.startswith("factor of "):
        return argument(what.removeprefix("factor of "))
    if what == "hue levels":
        return None if (turn := argument("hue")) is None else str(int(turn * 255) & 255)
    if what == "lambda":
        return argument("lambda")
    if what == "angle":
        return argument("rotate")
    if what.startswith("matrix "):
        return argument("affine", "abcdef".index(what[-1]))
    if what.startswith("box "):
        return box(what.removeprefix("box "))
    assert what in ("crop left", "crop top")
    place = argument("crop", 1 if what == "crop left" else 0)
    return str(place - padding)


def op(name, rest=""):
    return f'{{ op = "{name}"{", " + rest if rest else ""} }}'


def case(name, right, wrong, transform, *observations):
    """`right` and the list of `wrong` are an op's parameters."""
    return op(name, right), [op(name, each) for each in wrong], transform, observations


def with_p(name, transform, rest=""):
    given = rest + ", " if rest else ""
    return [case(name, f"{given}p = {p}", [f"{given}p = {p + 0.02}"], transform(p), "kinds") for p in (0.05, 0.5)]


def replaced(parameters, *changes):
    """The parameters once for each (old, new)."""
    for old, _ in changes:
        assert parameters.count(old) == 1, old
    return parameters, [parameters.replace(old, new) for old, new in changes]


FLIP, GRAYSCALE, EQUALIZE = T.RandomHorizontalFlip(1), T.RandomGrayscale(1), T.RandomEqualize(1)
flip_and_gray = ", ".join(op(name, "p = 1") for name in ("random_horizontal_flip", "random_grayscale"))
three = f'of = [ {flip_and_gray}, {op("random_equalize", "p = 1")} ]'
one_shear = "degrees = [-20, 40], translate = [0.2, 0.1], scale = [0.8, 1.3], shear = [-10, 10, -5, 15]"
nested = "".join([
    "p = [0.2, 0.4, 0.4], of = [",
    f' [ {op("random_horizontal_flip")}, {op("random_posterize", "bits = 2")}, {op("rand_augment")} ],',
    ' { op = "random_choice", of = [',
    op("color_jitter", "brightness = 0.5, contrast = 0.6"), ", ", op("random_rotation", "degrees = 45"), ", ",
    op("random_horizontal_flip"), ", ", op("random_grayscale", "p = 0.2"), " ] }, ",
    op("trivial_augment_wide", "bins = 31"), " ]"])
NESTED = T.RandomChoice([
    T.Compose([T.RandomHorizontalFlip(), T.RandomPosterize(2), T.RandAugment()]),
    T.RandomChoice([T.ColorJitter(0.5, 0.6), T.RandomRotation(45), T.RandomHorizontalFlip(), T.RandomGrayscale(0.2)]),
    T.TrivialAugmentWide(31)], p=[0.2, 0.4, 0.4])

# (recipe, slightly wrong recipes, torchvision's transform, observations). An observation of numbers has the
# range of its 40 bins, which is wider than what can be drawn.
CASES = [
    *with_p("random_horizontal_flip", T.RandomHorizontalFlip),
    *with_p("random_vertical_flip", T.RandomVerticalFlip),
    *with_p("random_grayscale", T.RandomGrayscale),
    *with_p("random_posterize", lambda p: T.RandomPosterize(2, p), "bits = 2"),
    *with_p("random_solarize", lambda p: T.RandomSolarize(128, p), "threshold = 128"),
    *with_p("random_autocontrast", T.RandomAutocontrast),
    *with_p("random_equalize", T.RandomEqualize),
    *with_p("random_adjust_sharpness", lambda p: T.RandomAdjustSharpness(2, p), "factor = 2"),
    *with_p("random_apply", lambda p: T.RandomApply([FLIP, GRAYSCALE], p), f"of = [ {flip_and_gray} ]"),
    # Where p is left out.
    case("random_grayscale", "", ["p = 0.11"], T.RandomGrayscale(), "kinds"),
    case("random_posterize", "bits = 2", ["bits = 2, p = 0.52"], T.RandomPosterize(2), "kinds"),
    case("random_rotation", "degrees = 45", ["degrees = 46"], T.RandomRotation(45), ("angle", -60, 60)),
    case("random_rotation", "degrees = [-10, 170]", ["degrees = [-11, 170]"], T.RandomRotation((-10, 170)),
         ("angle", -30, 190)),
    case("color_jitter", *replaced("brightness = 0.5, contrast = 0.6", ("0.5", "0.55"), ("0.6", "0.66")),
         T.ColorJitter(brightness=0.5, contrast=0.6),
         "kinds", ("factor of brightness", 0, 2), ("factor of contrast", 0, 2)),
    case("color_jitter", *replaced("brightness = [0.2, 0.8], contrast = 2, saturation = 0.4, hue = 0.23",
                                   ("0.8]", "0.82]"), ("= 2,", "= 2.1,"), ("0.4", "0.42"), ("0.23", "0.24")),
         T.ColorJitter(brightness=(0.2, 0.8), contrast=2, saturation=0.4, hue=0.23),
         "kinds", ("factor of brightness", 0, 1), ("factor of contrast", 0, 3.5), ("factor of saturation", 0, 2),
         "hue levels"),
    case("random_affine", "degrees = 30", ["degrees = 31"], T.RandomAffine(30), ("matrix b", -0.7, 0.7)),
    case("random_affine", "degrees = 0, translate = [0.1, 0.3]",
         ["degrees = 0, translate = [0.12, 0.3]", "degrees = 0, translate = [0.3, 0.1]"],
         T.RandomAffine(0, translate=(0.1, 0.3)), ("matrix c", -20.25, 19.75), ("matrix f", -20.25, 19.75)),
    case("random_affine", *replaced("degrees = 0, scale = [0.5, 1.5]", ("0.5,", "0.48,")),
         T.RandomAffine(0, scale=(0.5, 1.5)), ("matrix a", 0.5, 2.2), ("matrix e", 0.5, 2.2)),
    case("random_affine", *replaced("degrees = 0, shear = 20", ("20", "21")), T.RandomAffine(0, shear=20),
         ("matrix b", -0.5, 0.5)),
    case("random_affine", *replaced(one_shear, ("40", "42"), ("[0.2", "[0.22"), ("1.3", "1.33"), ("10, -5", "11, -5"),
                                    ("15", "17")),
         T.RandomAffine((-20, 40), translate=(0.2, 0.1), scale=(0.8, 1.3), shear=(-10, 10, -5, 15)),
         ("matrix a", 0.5, 1.5), ("matrix b", -0.8, 1.2), ("matrix c", -40, 40),
         ("matrix d", -1.2, 0.8), ("matrix e", 0.4, 1.4), ("matrix f", -40, 40)),
    case("random_crop", *replaced("size = 48, padding = 4", ("= 48", "= 47"), ("padding = 4", "padding = 5")),
         T.RandomCrop(48, padding=4), "crop left", "crop top"),
    case("random_resized_crop", "size = 32", ["size = 32, scale = [0.09, 1.0]", "size = 32, ratio = [0.7, 1.3333333]"],
         T.RandomResizedCrop(32),
         ("box area", 0, 1), ("box log ratio", -0.4, 0.4), ("box left", 0, 1), ("box top", 0, 1)),
    case("random_resized_crop",
         *replaced("size = 32, scale = [0.5, 0.9], ratio = [0.5, 3]", ("[0.5, 0.9", "[0.48, 0.9"), ("3]", "3.4]")),
         T.RandomResizedCrop(32, (0.5, 0.9), (0.5, 3)),
         ("box area", 0.4, 1), ("box log ratio", -0.8, 1.2), ("box left", 0, 1), ("box top", 0, 1)),
    case("rand_augment", "num_ops = 1", ["num_ops = 1, magnitude = 10"], T.RandAugment(1), "names"),
    case("rand_augment", "", ["num_ops = 3", "bins = 30"], T.RandAugment(), "names"),
    case("rand_augment", *replaced("num_ops = 1, magnitude = 20, bins = 25", ("25", "26")), T.RandAugment(1, 20, 25),
         "names"),
    case("trivial_augment_wide", "", ["bins = 30"], T.TrivialAugmentWide(), "names", "kinds"),
    case("random_choice", three, ["p = [1, 1.1, 1], " + three], T.RandomChoice([FLIP, GRAYSCALE, EQUALIZE]), "kinds"),
    case("random_choice", "p = [1, 0, 5], " + three, ["p = [1.1, 0, 5], " + three],
         T.RandomChoice([FLIP, GRAYSCALE, EQUALIZE], p=[1, 0, 5]), "kinds"),
    case("random_choice", *replaced(nested, ("[0.2, 0.4", "[0.22, 0.4"), ("p = 0.2 ", "p = 0.25 ")),
         NESTED, "kinds"),
]

size, padding = (64, 50), 0


def mixed(transform):
    """A batch's mixup or cutmix: the share of an image's own label, and the box."""
    def draw(_):
        drawn = transform.make_params([torch.empty(2, 3, size[1], size[0])])
        calls.append(("lambda", (drawn.get("lam", drawn.get("lam_adjusted")),)))
        if "box" in drawn:
            left, top, right, bottom = drawn["box"]
            calls.append(("box", (top, left, bottom - top, right - left)))
    return draw


def erased(*given, **named):
    transform, image = T.RandomErasing(*given, **named), torch.empty(3, size[1], size[0])
    return lambda _: transform(image)


erased_box = [("box area", 0, 0.6), ("box log ratio", -2.5, 2.5), ("box left", 0, 1), ("box top", 0, 1)]
mixed_box = [("lambda", -0.1, 1.1), ("box area", 0, 1.2), ("box left", 0, 1), ("box top", 0, 1)]

# What follows the 8-bit pixels; recipes are lines of [transforms].
BATCH_CASES = [
    ("erasing = { p = 0.5 }", ["erasing = { p = 0.52 }", "erasing = { p = 0.5, scale = [0.02, 0.36] }",
                               "erasing = { p = 0.5, ratio = [0.3, 3.7] }"], erased(), erased_box),
    ("erasing = { p = 1, scale = [0.1, 0.4], ratio = [0.5, 1] }",
     ["erasing = { p = 1, scale = [0.12, 0.4], ratio = [0.5, 1] }"], erased(1, (0.1, 0.4), (0.5, 1)), erased_box),
    ("batch = { mixup = 0.2 }", ["batch = { mixup = 0.22 }"], mixed(v2.MixUp(alpha=0.2, num_classes=2)), mixed_box[:1]),
    ("batch = { mixup = 1.5 }", ["batch = { mixup = 1.65 }"], mixed(v2.MixUp(alpha=1.5, num_classes=2)), mixed_box[:1]),
    ("batch = { cutmix = 1.0 }", ["batch = { cutmix = 1.1 }"], mixed(v2.CutMix(alpha=1.0, num_classes=2)), mixed_box),
]


def histogram(observation):
    """Of texts: {text: count}. Of numbers: counts below, in 40 bins, above. None where nothing was seen."""
    if isinstance(observation, str):
        counts = collections.Counter()
        return lambda: counts.update([observe(observation) or "none"]), {"what": observation, "texts": counts}
    what, low, high = observation
    counts = [0] * 42
    result = {"what": what, "low": low, "high": high, "bins": counts, "none": 0}

    def count():
        if (value := observe(what)) is None:
            result["none"] += 1
        else:
            counts[min(max(math.floor((value - low) / (high - low) * 40), -1), 40) + 1] += 1
    return count, result


def drawn(cases, seed):
    """The histograms of these cases."""
    global padding
    torch.manual_seed(seed)
    image = Image.new("RGB", size)
    results = []
    for recipe, wrong, transform, observations in cases:
        padding = getattr(transform, "padding", 0) or 0
        # A padded image is larger: crop's offsets are then of that one.
        F.pad = lambda _, by, *rest: Image.new("RGB", (size[0] + 2 * by, size[1] + 2 * by))
        counters, histograms = zip(*(histogram(observation) for observation in observations))
        for _ in range(DRAWS):
            calls.clear()
            transform(image)
            for count in counters:
                count()
        results.append({"recipe": recipe, "wrong": wrong, "observations": list(histograms)})
        print(recipe[:100], flush=True)
    return results


def main():
    cases = drawn(CASES, seed=1) + drawn(BATCH_CASES, seed=2)
    path = pathlib.Path(__file__).with_name("distributions.json")
    lines = ",\n".join(json.dumps(case) for case in cases)
    path.write_text(f'{{"torchvision": "{torchvision.__version__}", "width": {size[0]}, "height": {size[1]}, '
                    f'"draws": {DRAWS}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
