"""The layouts of torch.save that people use, of a BasicBlockNet, by whichever PyTorch runs this; compare_versions.py starts it.

    python torch_layouts.py write FOLDER     a file of each layout, and layouts.json: what each is
    python torch_layouts.py read FOLDER      what Vitrine made of them, against what was written

Needs PyTorch alone, from 1.13 on.
"""

import argparse
import json
import pathlib
import pickle
import sys
import warnings
from collections import OrderedDict

import golden_folder  # noqa: F401
import torch
from basic_block_net import BasicBlockNet

warnings.simplefilter("ignore")  # a PyTorch older than the numpy here
CLASSES, SIZE, RATE = 5, 24, 0.125
WEIGHTS_ONLY = {"weights_only": True}


def trained():
    """A model and its optimiser after two steps."""
    torch.manual_seed(3)
    net = BasicBlockNet(CLASSES, SIZE)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    for _ in range(2):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.randn(8, 3, SIZE, SIZE)), torch.randint(CLASSES, (8,))).backward()
        optimizer.step()
    return net, optimizer


def with_prefix(state, prefix):
    return OrderedDict((prefix + name, value) for name, value in state.items())


def layouts(net, optimizer):
    """Names, objects, and what else torch.save is told."""
    state = net.state_dict()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60])
    run = {"model": state, "optimizer": optimizer.state_dict(), "lr_scheduler": scheduler.state_dict(), "epoch": 1,
           "args": argparse.Namespace(lr=RATE, model="basic_block_net", device="cpu", resume=None)}
    yield "state_dict", state, {}
    yield "plain dict", dict(state), {}
    yield "parameters", dict(net.named_parameters(), **dict(net.named_buffers())), {}
    yield "{model}", {"model": state}, {}
    yield "{state_dict}", {"state_dict": state, "epoch": 3, "best_acc1": torch.tensor(71.5)}, {}
    yield "torchvision's train.py", run, {}
    yield "tutorial's", {"epoch": 3, "model_state_dict": state, "optimizer_state_dict": optimizer.state_dict(), "loss": 0.5}, {}
    yield "module.", torch.nn.DataParallel(net).state_dict(), {}
    yield "_orig_mod.", (torch.compile(net).state_dict() if hasattr(torch, "compile") and compiles()
                         else with_prefix(state, "_orig_mod.")), {}
    yield "both prefixes", with_prefix(state, "_orig_mod.module."), {}
    yield "channels last", BasicBlockNet(CLASSES, SIZE).to(memory_format=torch.channels_last), {"filled": state}
    yield "without counters", OrderedDict((name, value) for name, value in state.items() if "num_batches" not in name), {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        yield str(dtype), OrderedDict((name, value.to(dtype) if value.is_floating_point() else value)
                                      for name, value in state.items()), {}
    for protocol in (2, 3, 4, 5):
        yield f"protocol {protocol}", run, {"pickle_protocol": protocol}


def compiles():
    try:
        torch.compile(torch.nn.Linear(1, 1))
        return True
    except RuntimeError:  # a Python that this PyTorch cannot compile for yet
        return False


def refused(net):
    """What must not be read, and a part of the sentence that says why."""
    yield "legacy", net.state_dict(), {"_use_new_zipfile_serialization": False}, "format of before 1.6"
    yield "whole model", net, {}, "asks for basic_block_net.BasicBlockNet"
    yield "list", [torch.zeros(2)], {}, "holds a list"
    yield "numbers", {"epoch": 3}, {}, "holds a dict of epoch"


def write(folder):
    net, optimizer = trained()
    known = {"version": torch.__version__, "python": sys.version.split()[0], "read": {}, "refused": {}}
    torch.save({"state": net.state_dict(), "optimizer": optimizer.state_dict()}, folder / "reference")
    for i, (name, content, options) in enumerate(layouts(net, optimizer)):
        if "filled" in options:
            content.load_state_dict(options.pop("filled"))
            content = content.state_dict()
        torch.save(content, folder / f"read-{i}.pth", **options)
        has_optimizer = any("optimizer" in str(key) for key in content)
        known["read"][name] = {"file": f"read-{i}", "optimizer": has_optimizer}
    for i, (name, content, options, sentence) in enumerate(refused(net)):
        torch.save(content, folder / f"refused-{i}.pth", **options)
        known["refused"][name] = {"file": f"refused-{i}", "sentence": sentence}
    torch.jit.script(net).save(str(folder / "refused-script.pth"))
    known["refused"]["TorchScript"] = {"file": "refused-script", "sentence": "TorchScript"}
    (folder / "layouts.json").write_text(json.dumps(known))


def expected(name, state):
    """The numbers of a layout in single precision, as a model takes them."""
    kept = {"torch.float16": torch.float16, "torch.bfloat16": torch.bfloat16}.get(name, torch.float32)
    state = {key: value.to(kept).float() if value.is_floating_point() else value for key, value in state.items()}
    if name == "without counters":
        state.update({key: torch.zeros_like(value) for key, value in state.items() if "num_batches" in key})
    return state


def optimizer_loading(folder):
    """weights_only=True, where this version can read its own optimiser with it: 1.13 knows no numbers in it."""
    try:
        torch.load(folder / "reference", **WEIGHTS_ONLY)
        return WEIGHTS_ONLY
    except pickle.UnpicklingError:
        return {}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def read(folder):
    """Prints how many of Vitrine's files are equal, by kind; ends with code 1 where one is not."""
    known = json.loads((folder / "layouts.json").read_text())
    of_optimizer = optimizer_loading(folder)
    reference = torch.load(folder / "reference", **of_optimizer)
    counts = {"weights": 0, "optimizers": 0, "weights_only": bool(of_optimizer), "wrong": []}
    for name, layout in known["read"].items():
        net = BasicBlockNet(CLASSES, SIZE)
        net.load_state_dict(torch.load(folder / f"{layout['file']}-back.pth", **WEIGHTS_ONLY), strict=True)
        wrong = [] if same(net.state_dict(), expected(name, reference["state"])) else ["weights"]
        counts["weights"] += 1
        if layout["optimizer"]:
            saved = torch.load(folder / f"{layout['file']}-run.pth", **of_optimizer)
            net.load_state_dict(saved["model"], strict=True)
            optimizer = torch.optim.SGD(net.parameters(), lr=77.0)
            optimizer.load_state_dict(saved["optimizer"])
            buffers = [optimizer.state[each]["momentum_buffer"] for each in net.parameters()]
            meant = [each["momentum_buffer"] for each in reference["optimizer"]["state"].values()]
            equal = same(net.state_dict(), reference["state"]) and len(buffers) == len(meant)
            if not equal or not all(torch.equal(a, b) for a, b in zip(buffers, meant)):
                wrong.append("optimizer")
            counts["optimizers"] += 1
        counts["wrong"] += [f"{name}: {what}" for what in wrong]
    print(json.dumps(counts))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit({"write": write, "read": read}[sys.argv[1]](pathlib.Path(sys.argv[2])))
