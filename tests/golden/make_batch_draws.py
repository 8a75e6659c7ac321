"""Writes batch_draws.json: how often torchvision draws what, for random erasing, mixup and cutmix.

    python tests/golden/make_batch_draws.py
"""

import collections
import json
import pathlib

import missing_packages  # noqa: F401
import torch
import torchvision
from torchvision.transforms import RandomErasing, v2

DRAWS = 100_000
BINS = 20


def counts(values, size: int) -> list[int]:
    found = collections.Counter(values)
    return [found[i] for i in range(size)]


def erasing_case(height: int, width: int, scale: tuple, ratio: tuple) -> dict:
    """Without the chance p: boxes alone. One that covers all stands for none found."""
    image = torch.zeros(3, height, width)
    boxes = [RandomErasing.get_params(image, scale, ratio, [0.0])[:4] for _ in range(DRAWS)]
    found = [box for box in boxes if box[2:] != (height, width)]
    tops, lefts, heights, widths = zip(*found)
    return {"height": height, "width": width, "scale": scale, "ratio": ratio, "none": DRAWS - len(found),
            "tops": counts(tops, height), "lefts": counts(lefts, width),
            "heights": counts(heights, height), "widths": counts(widths, width)}


def share_bins(shares) -> list[int]:
    return counts((min(int(share * BINS), BINS - 1) for share in shares), BINS)


def mixup_case(alpha: float) -> dict:
    transform = v2.MixUp(alpha=alpha, num_classes=2)
    return {"alpha": alpha, "shares": share_bins(transform.make_params([])["lam"] for _ in range(DRAWS))}


def cutmix_case(alpha: float, height: int, width: int) -> dict:
    transform = v2.CutMix(alpha=alpha, num_classes=2)
    images = [torch.zeros(2, 3, height, width)]
    drawn = [transform.make_params(images) for _ in range(DRAWS)]
    lefts, tops, rights, bottoms = zip(*(tuple(int(side) for side in each["box"]) for each in drawn))
    return {"alpha": alpha, "height": height, "width": width,
            "shares": share_bins(each["lam_adjusted"] for each in drawn),
            "tops": counts(tops, height), "lefts": counts(lefts, width),
            "heights": counts((b - t for b, t in zip(bottoms, tops)), height + 1),
            "widths": counts((r - l for r, l in zip(rights, lefts)), width + 1)}


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(11)
    result = {
        "torchvision": torchvision.__version__,
        "draws": DRAWS,
        "erasing": [erasing_case(32, 24, (0.02, 0.33), (0.3, 3.3)), erasing_case(10, 14, (0.1, 0.9), (0.2, 5.0))],
        "mixup": [mixup_case(alpha) for alpha in (0.2, 1.0, 4.0)],
        "cutmix": [cutmix_case(1.0, 16, 20), cutmix_case(0.3, 9, 9)],
    }
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}"
                       for key, value in result.items())
    (pathlib.Path(__file__).parent / "batch_draws.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
