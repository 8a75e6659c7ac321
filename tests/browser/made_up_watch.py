"""watch.jsonl of a made-up run: a MobileNetV2 whose layers behave, but for those that a test wants to be ill."""

import math

BLOCKS = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))


def convolutions():
    """(module, its op, the activation behind its batch norm) of each, from the first to the last."""
    yield "features.0.0", "dense_conv", "relu6"
    place = 1
    for expansion, _, blocks in BLOCKS:
        for _ in range(blocks):
            parts = [("0.0", "pointwise_conv", "relu6")] * (expansion != 1)
            parts += [(f"{len(parts)}.0", "depthwise_conv", "relu6"), (str(len(parts) + 1), "pointwise_conv", "")]
            for part, op, activation in parts:
                yield f"features.{place}.conv.{part}", op, activation
            place += 1
    yield f"features.{place}.0", "pointwise_conv", "relu6"


def behind(module):
    """The batch norm's module."""
    head, _, last = module.rpartition(".")
    return f"{head}.{int(last) + 1}"


def watched_lines(draw, count, steps, steps_an_epoch, ill=False):
    """`count` lines until `steps`. Ill: a layer with dead channels, one that is saturated, an exploding gradient, a weight that jumps."""
    every = max(1, steps // count)
    modules = list(convolutions())
    base = {module: (draw.gauss(0, 0.25), draw.gauss(0, 0.35), draw.gauss(0, 0.2)) for module, _, _ in modules}
    digits = lambda value: float(f"{value:.3e}")
    for step in [1, *range(every, steps + 1, every)]:
        age = step / steps
        rate = 0.1 * min(1, age * 6) * (1.02 - age)
        layers, weights, norms = {}, {}, {}
        for i, (module, op, activation) in enumerate(modules):
            depth = i / len(modules)
            a, b, c = base[module]
            noise = lambda: math.exp(draw.gauss(0, 0.15))
            flow = 0.03 * math.exp(1.6 * depth + a - 1.5 * age) * noise()
            if ill and i == 20 and age > 0.8:
                flow *= 10 ** ((age - 0.8) * 12)
            layers[f"{module} {op}"] = [digits(draw.gauss(0, 0.05)), digits(math.exp(0.9 * a + 0.5 * age) * noise()), None, None, None, digits(flow)]
            zeros = min(0.97, 0.5 + 0.3 * b * age + draw.gauss(0, 0.01)) if activation else 0.0
            dead = 0.31 if ill and i == 31 and age > 0.4 else 0.0
            saturated = (0.42 if ill and i == 9 and age > 0.5 else max(0.0, 0.02 * (1 + b) * age)) if activation else 0.0
            layers[f"{behind(module)} normalize{'+' * bool(activation)}{activation}"] = [
                digits(0.6 if activation else 0.0), digits((0.8 + 0.2 * b) * noise()), digits(max(zeros, dead)), digits(saturated), dead, None]
            value = math.exp(1 + 1.2 * depth + 0.2 * age)
            ratio = rate * 0.012 * math.exp(b - 0.5 * depth) * noise() * (40 if ill and i == 3 else 1)
            weights[f"{module}.weight"] = [digits(value), digits(flow * 1.7 * noise()), digits(value * ratio)]
            norms[f"{behind(module)}.weight"] = [digits(4 + depth), digits(flow * 0.2 * noise()), digits(0.004 * rate * noise())]
            norms[f"{behind(module)}.bias"] = [digits(0.3 * age * noise()) if step > 1 else 0.0, digits(flow * 0.2 * noise()), digits(0.004 * rate * noise())]
        layers["classifier.1 linear"] = [0.0, digits(1 + 3 * age), 0.0, 0.0, 0.0, digits(0.01)]
        weights["classifier.1.weight"] = [digits(1 + age), digits(0.4), digits(0.02 * rate)]
        norms["classifier.1.bias"] = [digits(0.02), digits(0.05), digits(0.001 * rate)]
        yield {"step": step, "epoch": step / steps_an_epoch, "layers": layers, "weights": weights, "norms_and_biases": norms}
