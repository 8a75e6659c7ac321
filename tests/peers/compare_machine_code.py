#!/usr/bin/env python3
"""What `resources` reads out of machine code, against NVIDIA's own disassembler: for every kernel of a build, how many
instructions of each kind there are, in all and in the main loop.

    pip install nvidia-cuda-nvdisasm
    python tests/peers/compare_machine_code.py FOLDER [--resources build/release/bin/resources] [--nvdisasm nvdisasm]

FOLDER has the kernels' objects, each with its .ptxas beside it: any folder of a build with nvcc.
"""

import argparse
import collections
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

from programs import ROOT, run

KINDS = {"FFMA": "multiply_adds", "DFMA": "multiply_adds", "HMMA": "tensor", "HGMMA": "tensor", "LDG": "global_loads",
         "STG": "global_stores", "LDGSTS": "copies", "LDS": "shared_loads", "STS": "shared_stores",
         "LDSM": "matrix_loads", "LDL": "local", "STL": "local", "BAR": "barriers"}  # fmt: skip
WIDTHS = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16}
INSTRUCTION = re.compile(r"\s*/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)(.*)")


def images(object_bytes):
    """The GPU's ELF images inside of an object."""
    begin = object_bytes.find(b"\x7fELF")
    while begin != -1:
        machine, = struct.unpack_from("<H", object_bytes, begin + 18)
        if machine == 190:
            table, = struct.unpack_from("<Q", object_bytes, begin + 40)
            size, count = struct.unpack_from("<HH", object_bytes, begin + 58)
            end = table + size * count
            for section in range(count):
                kind, = struct.unpack_from("<I", object_bytes, begin + table + section * size + 4)
                at, length = struct.unpack_from("<QQ", object_bytes, begin + table + section * size + 24)
                end = max(end, at + length if kind != 8 else 0)
            headers, = struct.unpack_from("<Q", object_bytes, begin + 32)
            header_size, header_count = struct.unpack_from("<HH", object_bytes, begin + 54)
            yield object_bytes[begin:begin + max(end, headers + header_size * header_count)]
        begin = object_bytes.find(b"\x7fELF", begin + 4)


def kernels(text):
    """Of nvdisasm's text: (symbol, instructions, where labels stand); an instruction is (operation, its parts, its label)."""
    found, symbol, code, labels = [], None, [], {}
    for line in text.splitlines():
        if section := re.match(r"\s*\.section\s+\.text\.([^,]+),", line):
            if symbol:
                found.append((symbol, code, labels))
            symbol, code, labels = section[1], [], {}
        elif re.match(r"\s*\.section\s", line):
            if symbol:
                found.append((symbol, code, labels))
            symbol = None
        elif symbol and (label := re.match(r"\s*(\.L_x_\d+):", line)):
            labels[label[1]] = len(code)
        elif symbol and (instruction := INSTRUCTION.match(line)):
            operation, *parts = instruction[2].split(".")
            target = re.search(r"\.L_x_\d+", instruction[3])
            code.append((operation, parts, target[0] if target else None))
    if symbol:
        found.append((symbol, code, labels))
    return found


def mix(code, filling):
    counts = collections.Counter({kind: 0 for kind in KINDS.values()})
    for number, (operation, _, _) in code:
        if number in filling:
            continue
        counts["all"] += 1
        if operation in KINDS:
            counts[KINDS[operation]] += 1
    return dict(counts)


def of_divisions(code):
    """Multiply-adds that refine what divisions have found."""
    return sum(5 if operation == "FCHK" else 8 if operation == "MUFU" and "RCP64H" in parts else 0
               for operation, parts, _ in code)


def expected(code, labels):
    branches = [(labels[target], at) for at, (operation, _, target) in enumerate(code)
                if operation == "BRA" and target in labels]
    filling = {at for at, (operation, _, _) in enumerate(code) if operation == "NOP"} | {a for t, a in branches if t == a}
    numbered = list(enumerate(code))
    whole = mix(numbered, filling)
    loops = [(target, at) for target, at in branches if target < at]
    main, most = whole, -1
    for first, last in loops:
        held = [other for other in loops if first <= other[0] and other[1] <= last and (first, last) != other]
        own = [at for at in range(first, last + 1) if not any(low <= at <= high for low, high in held)]
        found = mix([numbered[at] for at in own], filling)
        products = max(0, found["multiply_adds"] + found["tensor"] - of_divisions([code[at] for at in own]))
        products //= 1 if len(own) == last - first + 1 else 4
        if (products, found["all"]) > (most, main["all"] if most >= 0 else 0):
            main, most = found, products
    widths = collections.Counter(next((WIDTHS[part] for part in parts if part in WIDTHS), 4)
                                 for operation, parts, _ in code if operation in ("LDG", "LDGSTS"))
    return {"whole": whole, "main_loop": main, "load_bytes": {str(width): n for width, n in widths.items()}}


def disassembled(options, image):
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(image)
        file.flush()
        return subprocess.run([options.nvdisasm, "-c", file.name], capture_output=True, text=True, check=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--resources", type=pathlib.Path, default=ROOT / "build/release/bin/resources")
    parser.add_argument("--nvdisasm", default="nvdisasm")
    options = parser.parse_args()
    told = {}
    for line in map(json.loads, run(options.resources, options.folder, "--json").splitlines()):
        told.setdefault(line["symbol"], []).append(line["instructions"])
    compared, wrong = 0, 0
    for path in sorted(options.folder.rglob("*.ptxas")):
        for image in images(path.with_suffix("").read_bytes()):
            for symbol, code, labels in kernels(disassembled(options, image)):
                compared += 1
                if expected(code, labels) not in told.get(symbol, []):
                    wrong += 1
                    print(f"{path.stem}: {symbol}: nvdisasm says {expected(code, labels)}, told are {told.get(symbol)}")
    print(f"{compared} kernels compared, {wrong} differ")
    sys.exit(wrong != 0 or compared == 0)


if __name__ == "__main__":
    main()
