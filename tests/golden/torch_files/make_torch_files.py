"""Writes one small file of each layout that torch.save has, and what torch.load makes of it, into VERSION/ of this folder.

    python tests/golden/torch_files/make_torch_files.py

mobilenet_v2_narrow.pth and .json are written where there is torchvision: a whole model and what it makes of two images.

Run it with each version of PyTorch that is to be frozen: here 1.13.1 and 2.15.0. expected.json holds, for each file that is
to be read, its entry ("" for the object itself) and each tensor's type, shape and values; for the others, a part of the
sentence that refuses them. The values follow a formula, so that all versions have the same ones.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import sys
from collections import OrderedDict

sys.path.append(str(pathlib.Path(__file__).parents[1]))
import missing_packages  # noqa: F401, E402
import torch  # noqa: E402

TYPES = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
OLD_PICKLES = {"_use_new_zipfile_serialization": False}


def numbers(count, dtype=torch.float32):
    return (torch.arange(count, dtype=torch.float64) * 0.375 - 1.5).to(dtype)


def model():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, bias=False), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    state = net.state_dict()
    for value in state.values():
        value.copy_(numbers(value.numel(), value.dtype).reshape(value.shape).abs())
    return net


def views():
    base = numbers(24)
    matrix = base.reshape(4, 6)
    return {
        "transposed": matrix.t(),
        "offset": base[5:11],
        "every_other_row": matrix[::2],
        "column": matrix[:, 3],
        "channels_last": numbers(48).reshape(2, 3, 4, 2).contiguous(memory_format=torch.channels_last),
        "expanded": numbers(2).reshape(2, 1).expand(2, 5),
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
        "tied": base,
        "parameter": torch.nn.Parameter(numbers(3)),
    }


def types():
    return {name: numbers(6).abs().to(dtype) for dtype, name in TYPES.items()}


def attributes():
    parameter = torch.nn.Parameter(numbers(3))
    parameter.colour = "blue"
    return {"weight": parameter}


def prefixed(prefix):
    return OrderedDict((prefix + name, value) for name, value in model().state_dict().items())


def stepped():
    net = model()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net[2](torch.ones(1, 4)).sum().backward()
    state = OrderedDict((name, value.clone()) for name, value in net.state_dict().items())
    optimiser.step()
    return {"epoch": 3, "model": state, "optimizer": optimiser.state_dict(), "best": 0.5, "name": "né", "done": False,
            "nothing": None, "sizes": (1, 2), "kinds": {1, 2}, "bytes": b"\x00\xff", "large": 2**40, "below": -5}


def script_run():
    """What torchvision's references/classification/train.py saves: with a schedule's Counter, and its command line."""
    content = stepped()
    parameters = [torch.nn.Parameter(value) for value in content["model"].values() if value.is_floating_point()]
    schedule = torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD(parameters, lr=0.1), [30, 60])
    return {"model": content["model"], "optimizer": content["optimizer"], "lr_scheduler": schedule.state_dict(), "epoch": 1,
            "args": argparse.Namespace(lr=0.1, device="cpu", resume=None)}


class Runs:
    def __reduce__(self):
        return os.system, ("touch this_was_run",)


def read_files():
    state = model().state_dict()
    wrapped = {"state_dict.pth": state, "in_model.pth": stepped(), "in_state_dict.pth": {"state_dict": state, "epoch": 1},
               "prefix_module.pth": prefixed("module."), "prefix_both.pth": prefixed("_orig_mod.module."),
               "views.pth": views(), "types.pth": types(), "attributes.pth": attributes(),
               "plain_dict.pth": dict(state), "train_py.pth": script_run()}
    for name, content in wrapped.items():
        yield name, content, {}
    for protocol in (2, 3, 4, 5):
        yield f"protocol_{protocol}.pth", stepped(), {"pickle_protocol": protocol}


def refused_files():
    yield "legacy.pth", model().state_dict(), OLD_PICKLES, "format of before 1.6"
    yield "calls.pth", {"weight": numbers(2), "extra": Runs()}, {}, f"asks for {os.system.__module__}.system"
    yield "module.pth", model(), {}, "asks for torch.nn.modules.container.Sequential"
    yield "list.pth", [numbers(2)], {}, "holds a list"
    yield "no_state_dict.pth", {"epoch": 3, "loss": 0.5}, {}, "holds a dict of epoch, loss"


def expected_of(content):
    entry = next((name for name in ("model", "state_dict") if isinstance(content.get(name), dict)), "")
    state = content[entry] if entry else content
    tensors = {name: {"dtype": TYPES[value.dtype], "shape": list(value.shape),
                      "values": [float(number) for number in value.detach().reshape(-1).double().tolist()]}
               for name, value in state.items()}
    return {"entry": entry, "tensors": tensors}


def narrow_mobilenet():
    """torchvision's narrowest mobilenet_v2 in half precision, and its logits of an image in double precision."""
    import torchvision
    torch.manual_seed(1)
    net = torchvision.models.mobilenet_v2(width_mult=0.01, num_classes=3)
    image = ((torch.arange(2 * 64 * 64 * 3) * 7919 % 1009) / 504.5 - 1).reshape(2, 64, 64, 3).permute(0, 3, 1, 2)
    net.train()
    for _ in range(20):
        net(image)  # statistics that are not those of a new one
    net = net.half()
    folder = pathlib.Path(__file__).parent
    torch.save(net.state_dict(), folder / "mobilenet_v2_narrow.pth")
    with torch.no_grad():
        logits = net.double().eval()(image.double())
    (folder / "mobilenet_v2_narrow.json").write_text(json.dumps({"logits": logits.tolist()}) + "\n")


def main():
    folder = pathlib.Path(__file__).parent / torch.__version__.partition("+")[0]
    folder.mkdir(exist_ok=True)
    expected = {"read": {}, "refused": {}}
    for name, content, options in read_files():
        torch.save(content, folder / name, **options)
        expected["read"][name] = expected_of(content)
    for name, content, options, sentence in refused_files():
        torch.save(content, folder / name, **options)
        expected["refused"][name] = sentence
    torch.jit.script(model()[2]).save(str(folder / "script.pt"))
    expected["refused"]["script.pt"] = "TorchScript"
    (folder / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
    if importlib.util.find_spec("torchvision"):
        narrow_mobilenet()


if __name__ == "__main__":
    main()
