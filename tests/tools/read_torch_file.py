#!/usr/bin/env python3
"""Reads a .pth with Python's own zipfile and pickle, which know nothing of PyTorch, and compares it with safetensors.

    read_torch_file.py FILE.pth FILE.safetensors

What is imported is what torch.load(weights_only=True) allows, and each storage begins at a multiple of 64 bytes, as
torch.save has it. Prints the number of tensors that are equal, name by name and in the same order, types and shapes
included; ends with an AssertionError where something differs.

Where FILE.safetensors is a run's checkpoint, FILE.pth is one with an optimiser: model and momentum buffers are compared, each
buffer with the parameter at its place, and a line a group says how it is set and which parameters it has.
"""

import collections
import json
import pickle
import struct
import sys
import zipfile

STORAGES = {"FloatStorage": ("F32", 4), "DoubleStorage": ("F64", 8), "LongStorage": ("I64", 8)}


def rebuild_tensor(storage, offset, size, stride, requires_grad, hooks):
    (dtype, width), content = storage
    count = 1
    for extent, step in zip(reversed(size), reversed(stride)):
        assert step == count, (size, stride)
        count *= extent
    assert offset == 0 and requires_grad is False and hooks == collections.OrderedDict()
    assert len(content) == count * width, (size, len(content))
    return dtype, list(size), content


class Reader(pickle.Unpickler):
    def __init__(self, archive, stream):
        super().__init__(stream)
        self.archive = archive

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild_tensor
        assert module == "torch" and name in STORAGES, (module, name)
        return STORAGES[name]

    def persistent_load(self, identity):
        kind, storage, key, device, count = identity
        assert kind == "storage" and device == "cpu", identity
        content = self.archive.read(f"archive/data/{key}")
        assert len(content) == count * storage[1], identity
        return storage, content


def check_archive(archive, path):
    with open(path, "rb") as file:
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED, info
            file.seek(info.header_offset + 26)
            name_length, extra_length = struct.unpack("<HH", file.read(4))
            assert (info.header_offset + 30 + name_length + extra_length) % 64 == 0, info
    assert archive.testzip() is None
    assert archive.read("archive/version") == b"3\n" and archive.read("archive/byteorder") == b"little"


def read_torch(path):
    with zipfile.ZipFile(path) as archive:
        check_archive(archive, path)
        with archive.open("archive/data.pkl") as stream:
            return Reader(archive, stream).load()


def check_optimizer(optimizer, names, ours):
    parameters = [name for name in names if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    buffers = {parameters[place]: of["momentum_buffer"] for place, of in optimizer["state"].items()}
    assert buffers == {name.removeprefix("momentum."): tensor for name, tensor in ours.items() if name.startswith("momentum.")}
    places = [place for group in optimizer["param_groups"] for place in group["params"]]
    assert sorted(places) == list(range(len(parameters)))
    for group in optimizer["param_groups"]:
        settings = {key: value for key, value in group.items() if key != "params"}
        print(json.dumps(settings), *(parameters[place] for place in group["params"]))


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        content = file.read()
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], content[slice(*entry["data_offsets"])])
            for name, entry in header.items()}


def main():
    theirs, ours = read_torch(sys.argv[1]), read_safetensors(sys.argv[2])
    if "scheduler" in ours:
        assert list(theirs) == ["model", "optimizer"]
        check_optimizer(theirs["optimizer"], list(theirs["model"]), ours)
        theirs = theirs["model"]
        ours = {name.removeprefix("model."): tensor for name, tensor in ours.items() if name.startswith("model.")}
    assert isinstance(theirs, collections.OrderedDict)
    assert sorted(theirs) == sorted(ours), set(theirs) ^ set(ours)
    for name, tensor in theirs.items():
        assert tensor == ours[name], name
    print(len(theirs), "tensors are equal")


main()
