"""Writes ops.json: tiny forward and backward passes of single ops in PyTorch, f64, images in NCHW.

    python tests/golden/make_ops.py
"""

import json
import pathlib

import missing_packages  # noqa: F401
import torch
from torch.nn import functional

generator = torch.Generator().manual_seed(7)


def draw(*shape: int, low: float = -2.0, high: float = 2.0) -> torch.Tensor:
    """Multiples of 1/64: exact in f32 and short in JSON."""
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    return torch.round((low + (high - low) * uniform) * 64.0) / 64.0


def pack(tensor: torch.Tensor) -> dict:
    return {"shape": list(tensor.shape), "data": tensor.detach().flatten().tolist()}


def record(op: str, settings: dict, inputs: dict[str, torch.Tensor], function, outputs=(), given=()) -> dict:
    """One case: `function(**inputs)` gives y; a random d_y goes back to the gradient of every input.

    `outputs` are tensors that the call changes; `given` are further inputs without gradient.
    """
    leaves = {name: t.clone().requires_grad_(t.is_floating_point()) for name, t in inputs.items()}
    given = {name: t.clone() for name, t in dict(given).items()}
    before = {name: pack(t) for name, t in given.items()}
    y = function(**leaves, **given)
    d_y = draw(*y.shape)
    y.backward(d_y)
    gradients = {f"d_{name}": pack(t.grad) for name, t in leaves.items() if t.requires_grad}
    return {
        "op": op,
        "settings": settings,
        "inputs": {name: pack(t) for name, t in leaves.items()} | before | {"d_y": pack(d_y)},
        "outputs": {"y": pack(y)} | gradients | {name: pack(given[name]) for name in outputs},
    }


def conv_case(shape, out_channels, kernel, stride, padding, groups, bias=True) -> dict:
    settings = {"stride": stride, "padding": padding, "groups": groups}
    inputs = {"x": draw(*shape), "weight": draw(out_channels, shape[1] // groups, *kernel)}
    if bias:
        inputs["bias"] = draw(out_channels)
    return record("conv", settings, inputs, lambda x, weight, bias=None: functional.conv2d(x, weight, bias, **settings))


def conv_cases() -> list[dict]:
    return [
        conv_case((2, 3, 5, 5), 4, (3, 3), 1, 1, 1),
        conv_case((1, 3, 7, 6), 2, (3, 3), 2, 1, 1, bias=False),
        conv_case((2, 4, 5, 3), 6, (1, 1), 1, 0, 1),
        conv_case((2, 4, 4, 5), 6, (3, 3), 1, 1, 2),
        conv_case((2, 3, 5, 6), 3, (3, 3), 2, 1, 3, bias=False),
        conv_case((1, 2, 6, 7), 2, (5, 5), 1, 2, 2),
        conv_case((1, 1, 4, 6), 1, (2, 3), 1, 0, 1),
    ]


def batch_norm_case(shape, training: bool) -> dict:
    channels = shape[1]
    settings = {"training": training, "momentum": 0.1, "eps": 1e-5}
    inputs = {"x": draw(*shape), "weight": draw(channels), "bias": draw(channels)}
    given = {"running_mean": draw(channels), "running_var": draw(channels, low=0.25, high=2.0)}
    return record("batch_norm", settings, inputs,
                  lambda x, weight, bias, running_mean, running_var: functional.batch_norm(
                      x, running_mean, running_var, weight, bias, **settings),
                  outputs=tuple(given), given=given)


def activation_cases() -> list[dict]:
    """Both sides of each kink and the kinks themselves, where PyTorch's gradient is 0."""
    x = torch.tensor([-2.0, -0.015625, -0.0, 0.0, 0.015625, 3.0, 5.984375, 6.0, 6.015625, 9.0], dtype=torch.float64)
    return [record("relu", {}, {"x": x}, lambda x: functional.relu(x)), record("relu6", {}, {"x": x}, lambda x: functional.relu6(x))]


def curve_cases() -> list[dict]:
    """Activations that need their input for the gradient; the kinks of hardswish are at -3 and 3. Far out, exp overflows."""
    x = torch.tensor([-800.0, -20.0, -3.015625, -3.0, -2.984375, -1.25, -0.0, 0.0, 0.5, 2.984375, 3.0, 3.015625, 20.0, 800.0],
                     dtype=torch.float64)
    return [record("silu", {}, {"x": x}, lambda x: functional.silu(x)),
            record("hardswish", {}, {"x": x}, lambda x: functional.hardswish(x))]


def pool_cases() -> list[dict]:
    cases = []
    for size, kernel, stride, padding in (((6, 6), 2, 2, 0), ((7, 5), 3, 2, 1), ((5, 8), 3, 1, 1), ((6, 7), 4, 3, 2)):
        settings = {"kernel_size": kernel, "stride": stride, "padding": padding}
        x = draw(2, 2, *size)
        cases.append(record("max_pool", settings, {"x": x}, lambda x, s=settings: functional.max_pool2d(x, **s)))
        cases.append(record("avg_pool", settings | {"count_include_pad": True}, {"x": x},
                            lambda x, s=settings: functional.avg_pool2d(x, **s)))
    ties = torch.tensor([[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 0.0]]]], dtype=torch.float64)
    cases.append(record("max_pool", {"kernel_size": 2, "stride": 2, "padding": 0}, {"x": ties},
                        lambda x: functional.max_pool2d(x, 2)))
    cases.append(record("global_avg_pool", {}, {"x": draw(2, 3, 3, 5)},
                        lambda x: functional.adaptive_avg_pool2d(x, 1).flatten(1)))
    return cases


def linear_case(bias: bool) -> dict:
    inputs = {"x": draw(3, 5), "weight": draw(4, 5)} | ({"bias": draw(4)} if bias else {})
    return record("linear", {}, inputs, lambda x, weight, bias=None: functional.linear(x, weight, bias))


def cross_entropy_case(label_smoothing: float, offset: float = 0.0) -> dict:
    settings = {"label_smoothing": label_smoothing}
    inputs = {"logits": draw(4, 6) * 4.0 + offset, "labels": torch.tensor([5, 0, 2, 2])}
    return record("cross_entropy", settings, inputs,
                  lambda logits, labels: functional.cross_entropy(logits, labels, **settings))


def mixed_cross_entropy_case(label_smoothing: float, share: float) -> dict:
    """The targets of mixup and cutmix: two labels a sample, as probabilities."""
    settings = {"label_smoothing": label_smoothing, "lambda": share}
    inputs = {"logits": draw(5, 6) * 2.0, "labels": torch.tensor([5, 0, 2, 2, 1]),
              "labels_b": torch.tensor([1, 5, 0, 2, 2])}

    def loss(logits, labels, labels_b):
        first, second = (functional.one_hot(each, 6).to(torch.float64) for each in (labels, labels_b))
        target = share * first + (1.0 - share) * second
        return functional.cross_entropy(logits, target, label_smoothing=label_smoothing)

    return record("cross_entropy", settings, inputs, loss)


def weighted_cross_entropy_cases() -> list[dict]:
    """Weights of classes. Mixed labels as lambda · loss(labels) + (1 - lambda) · loss(labels_b), which are the same set."""
    cases = []
    for label_smoothing, share, weight in ((0.0, 1.0, [0.5, 2.0, 1.0, 0.25, 4.0, 1.5]), (0.1, 1.0, [3.0, 0.0, 0.125, 7.0, 1.0, 20.0]),
                                           (0.0, 0.3, [0.5, 2.0, 1.0, 0.25, 4.0, 1.5]), (0.2, 0.8125, [1e3, 3e-2, 7.0, 0.0, 5.0, 2.0])):
        settings = {"label_smoothing": label_smoothing, "lambda": share}
        inputs = {"logits": draw(5, 6) * 2.0, "labels": torch.tensor([5, 0, 2, 2, 1])}
        if share != 1.0:
            inputs["labels_b"] = torch.tensor([1, 5, 0, 2, 2])

        def loss(logits, labels, class_weights, labels_b=None):
            first, second = (functional.cross_entropy(logits, each, weight=class_weights, label_smoothing=label_smoothing)
                             for each in (labels, labels if labels_b is None else labels_b))
            return share * first + (1.0 - share) * second

        given = {"class_weights": torch.tensor(weight, dtype=torch.float64)}
        cases.append(record("cross_entropy", settings, inputs, loss, given=given))
    return cases


def all_cases() -> list[dict]:
    norms = [batch_norm_case(shape, training) for shape in ((3, 2, 2, 3), (1, 3, 4, 3)) for training in (True, False)]
    losses = [cross_entropy_case(0.0), cross_entropy_case(0.1), cross_entropy_case(0.3), cross_entropy_case(0.1, 1000.0)]
    cases = conv_cases() + norms + activation_cases() + pool_cases() + [linear_case(True), linear_case(False)] + losses
    shares = [(0.0, 0.3), (0.1, 0.8125), (0.2, 0.0)]
    return cases + [mixed_cross_entropy_case(smoothing, share) for smoothing, share in shares] + curve_cases() + weighted_cross_entropy_cases()


def main() -> None:
    torch.set_num_threads(1)
    rows = ",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in all_cases())
    text = f'{{\n "torch": {json.dumps(torch.__version__)},\n "layout": "NCHW",\n "cases": [\n{rows}]\n}}\n'
    (pathlib.Path(__file__).parent / "ops.json").write_text(text)


if __name__ == "__main__":
    main()
