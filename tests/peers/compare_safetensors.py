#!/usr/bin/env python3
"""Safetensors files of every kind of mistake: what the format's own library refuses, `predict` refuses too.

    pip install safetensors
    python tests/peers/compare_safetensors.py build/release/bin/predict [--mutants 2000]

A file that both read is no image model, which predict says in another sentence. Two differences are wanted and
listed: a name that stands twice (there, the last one wins), and extents that no int64 holds in a tensor without
elements.
"""

import argparse
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import golden_folder  # noqa: F401
import safetensors


def file_with(header, buffer: bytes = b"", size=None) -> bytes:
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + buffer


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def written_cases():
    eight = b"12345678"
    dtypes = ["BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ",
              "F8_E5M2FNUZ", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64", "f32", "F33",
              "", None, 1, ["F32"]]
    for dtype in dtypes:
        for count in (1, 2, 4, 8, 16):
            yield f"dtype {dtype} of {count}", file_with({"a": entry(dtype, [count])}, eight)
    for shape in ([], [0], [2], [1, 2], [2, 1, 1], [3], [-2], [2.0], ["2"], [None], [[2]], [True], 2, None, "2", {},
                  [2**62, 4], [2**62, 4, 0], [0, 2**62, 4], [0, 2**63], [2**64], [0, 2**64], [1] * 1000 + [2]):
        made = entry()
        made["shape"] = shape
        for size in (0, 4, 8):
            yield f"shape {str(shape)[:30]} in {size} bytes", file_with({"a": {**made, "data_offsets": [0, size]}}, eight[:size])
    for offsets in ([0, 8], [0, 7], [8, 0], [0], [], [0, 8, 8], [-1, 7], [0.0, 8.0], ["0", "8"], None, 8, {}, [0, None],
                    [0, 2**64], [2**64 - 8, 0], [4, 12], [8, 16], [0, 16]):
        made = entry()
        made["data_offsets"] = offsets
        yield f"offsets {offsets}", file_with({"a": made}, eight)
    one = entry(shape=[1], offsets=[0, 4])
    for begin, end in [(4, 8), (0, 4), (3, 7), (5, 9), (2, 6), (8, 4)]:
        yield f"a second one at {begin}", file_with({"a": one, "b": entry(shape=[1], offsets=[begin, end])}, eight)
    yield "listed backwards", file_with({"b": entry(shape=[1], offsets=[4, 8]), "a": one}, eight)
    empty = entry(shape=[0], offsets=[8, 8])
    yield "an empty one at the end", file_with({"b": empty, "a": entry()}, eight)
    yield "an empty one in the middle", file_with(
        {"b": entry(shape=[0], offsets=[4, 4]), "c": entry(shape=[1], offsets=[4, 8]), "a": one}, eight)
    yield "an empty one inside another", file_with({"b": entry(shape=[0], offsets=[4, 4]), "a": entry()}, eight)
    for metadata in ({}, {"a": "b"}, None, {"a": 1}, {"a": None}, {"a": {}}, [], "a", 1, {"": ""}, {"a": "\u0000"}):
        yield f"metadata {metadata}", file_with({"__metadata__": metadata, "a": entry()}, eight)
        yield f"metadata alone {metadata}", file_with({"__metadata__": metadata})
    plain = json.dumps({"a": entry()})
    for name, text in {
        "an unknown key": json.dumps({"a": entry(more=1)}),
        "an unknown key with a tree": json.dumps({"a": entry(more={"x": [1, {"y": None}]})}),
        "an entry that is no object": '{"a": 1}', "an entry of null": '{"a": null}', "an entry that is a list": '{"a": []}',
        "no object": "[]", "null": "null", "nothing": "", "spaces": "   ", "two": plain + plain, "a comma": plain[:-1] + ",}",
        "a comment": plain + "//x", "leading spaces": "  " + plain, "trailing spaces": plain + "    ",
        "a trailing zero": plain + "\0", "a mark": "\ufeff" + plain, "single quotes": plain.replace('"', "'"),
        "a surrogate": plain.replace('"a"', '"\\ud800"'), "a pair": plain.replace('"a"', '"\\ud83d\\ude00"'),
        "a control character": plain.replace('"a"', '"\n"'), "no name": plain.replace('"a"', '""'),
        "-0": plain.replace("[0, 8]", "[-0, 8]"), "1e0": plain.replace("[0, 8]", "[0, 8e0]"),
        "08": plain.replace("[0, 8]", "[0, 08]"), "no dtype": '{"a":{"shape":[2],"data_offsets":[0,8]}}',
        "no shape": '{"a":{"dtype":"F32","data_offsets":[0,8]}}', "no offsets": '{"a":{"dtype":"F32","shape":[2]}}',
        "dtype twice": plain.replace('"dtype"', '"dtype": "F32", "dtype"'),
        "metadata twice": '{"__metadata__": {}, "__metadata__": {}, ' + plain[1:],
        "a metadata key twice": '{"__metadata__": {"a": "1", "a": "2"}, ' + plain[1:],
    }.items():
        yield name, file_with(text, eight)
    for depth in (100, 120, 125, 126, 127, 128, 129, 1000, 100000):
        yield f"an unknown key, {depth} deep", file_with(plain[:-2] + ', "x": ' + "[" * depth + "]" * depth + "}}", eight)
    yield "not UTF-8", file_with(plain.encode().replace(b'"a"', b'"\xff"'), eight)
    for size in (0, 1, 7, len(plain) - 1, len(plain) + 1, len(plain) + 8, len(plain) + 9, 10**8, 10**8 + 1, 2**63, 2**64 - 1):
        yield f"a header of {size} bytes, it says", file_with(plain, eight, size)
    for length in range(9):
        yield f"{length} bytes", b"\0" * length
    yield "a header of no tensors", file_with("{}")
    yield "a header of no tensors, but bytes", file_with("{}", b"x")
    yield "bytes missing", file_with(plain, eight[:7])
    yield "bytes too many", file_with(plain, eight + b"9")


def mutants(count: int):
    """Single characters of a sound header changed, removed or doubled."""
    draw = random.Random(0)
    sound = json.dumps({"__metadata__": {"k": "v"}, "a": entry(shape=[1], offsets=[0, 4]),
                        "b": entry(shape=[1, 1], offsets=[4, 8])}).encode()
    for i in range(count):
        header = bytearray(sound)
        for _ in range(draw.choice([1, 1, 2])):
            place = draw.randrange(len(header))
            kind = draw.randrange(4)
            if kind == 0:
                header[place] = draw.choice(b'{}[]",:0123456789abF -.e\\\x00\xff')
            elif kind == 1:
                del header[place]
            elif kind == 2:
                header[place:place] = header[place : place + 1]
            else:
                header[place] ^= 1 << draw.randrange(8)
        yield f"mutant {i}", file_with(bytes(header), b"12345678")


def reference_reads(path: Path) -> bool:
    try:
        with safetensors.safe_open(path, "numpy") as file:
            file.keys()
        return True
    except Exception:
        return False


def predict_reads(program: str, path: Path) -> bool:
    outcome = subprocess.run([program, path, "nothing"], capture_output=True, text=True, errors="replace", timeout=60)
    if outcome.returncode != 2 or outcome.stderr.count("\n") != 1:
        raise SystemExit(f"predict ended with {outcome.returncode}: {outcome.stderr[:300]}")
    return "is not a safetensors file" not in outcome.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("predict", help="the built program")
    parser.add_argument("--mutants", type=int, default=2000)
    options = parser.parse_args()
    checked, stricter, laxer = 0, [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.safetensors"
        for cases in (written_cases(), mutants(options.mutants)):
            for name, content in cases:
                path.write_bytes(content)
                theirs, ours = reference_reads(path), predict_reads(options.predict, path)
                checked += 1
                if theirs and not ours:
                    stricter.append(name)
                if ours and not theirs:
                    laxer.append(name)
    print(f"{checked} files, safetensors {safetensors.__version__}")
    print(f"refused here alone: {', '.join(stricter) or 'none'}")
    print(f"read here alone: {', '.join(laxer) or 'none'}")
    return 1 if laxer else 0


if __name__ == "__main__":
    sys.exit(main())
