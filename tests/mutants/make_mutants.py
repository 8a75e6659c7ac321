#!/usr/bin/env python3
"""Plants the defects of mutants.json in copies of the kernel files, and lists them for the test program.

    make_mutants.py plant MUTANTS GROUP SOURCE_DIR FOLDER   a group's files with all of its defects, into FOLDER
    make_mutants.py list MUTANTS OUTPUT.cpp                 the C++ list of all mutants
    make_mutants.py link NM OUTPUT.ld OBJECTS...            names for what a group shares with the right kernels

See README.md for the fields of mutants.json.
"""

import json
import os
import re
import subprocess
import sys

KERNELS = "kernels/cuda"


def read_plan(path):
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    for kind in ("groups", "mutants"):
        names = [entry["name"] for entry in plan[kind]]
        for name in names:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or names.count(name) > 1:
                sys.exit(f"{path}: the name '{name}' must be unique, of lower case letters, digits and _")
    files = {group["name"]: files_of(group) for group in plan["groups"]}
    numbers = {group["name"]: 1000 * i for i, group in enumerate(plan["groups"], start=1)}
    for mutant in plan["mutants"]:
        if mutant["file"] not in files.get(mutant["group"], []):
            sys.exit(f"{path}: mutant {mutant['name']}: {mutant['file']} is no file of a group '{mutant['group']}'")
        # Counted in each group by itself, so that a new mutant changes no other group's files.
        numbers[mutant["group"]] += 1
        mutant["number"] = numbers[mutant["group"]]
    return plan


def is_runtime(group):
    """Of the host's side of the device: it has no kernels, and defines runtime()."""
    return not group["kernels"]


def is_collective(group):
    """What processes exchange between their GPUs: it defines join_nccl()."""
    return "nccl/nccl.cu" in group["sources"]


def files_of(group):
    return group["sources"] + group.get("host_sources", []) + group["headers"]


def write(path, text):
    """Only if it changes, so that nothing compiles again in vain."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def place_of(mutant, text):
    """Where the right text is. Spaces and line breaks match any white space, so that formatting a kernel does not
    make a mutant stale; that it is found another number of times than is stated does."""
    pattern = r"\s+".join(re.escape(word) for word in mutant["find"].split())
    places = [match.span() for match in re.finditer(pattern, text)]
    times = mutant.get("times", 1)
    if len(places) != times:
        sys.exit(f"mutant {mutant['name']}: {mutant['file']} holds '{mutant['find']}' {len(places)} times and not "
                 f"{times}: the kernel has changed, and so must tests/mutants/mutants.json")
    return places[mutant.get("occurrence", 1) - 1]


def with_choice(right, mutants):
    """The right text and the wrong ones, one of which is chosen at run time: statements by `if`, expressions by ?:."""
    text = right
    for mutant in mutants:
        chosen = f"::vitrine::planted({mutant['number']})"
        wrong = mutant["replace"]
        if right.endswith(";"):
            text = f"{{ if ({chosen}) {{ {wrong} }} else {{ {text} }} }}"
        else:
            text = f"({chosen} ? ({wrong}) : ({text}))"
    return text


def planted(text, mutants):
    places = {}
    for mutant in mutants:
        places.setdefault(place_of(mutant, text), []).append(mutant)
    end = len(text)
    for begin, stop in sorted(places, reverse=True):
        if stop > end:
            sys.exit(f"mutant {places[begin, stop][0]['name']} overlaps another one in {mutants[0]['file']}")
        text = text[:begin] + with_choice(text[begin:stop], places[begin, stop]) + text[stop:]
        end = begin
    return text


def plant(plan_path, group_name, source_dir, folder):
    plan = read_plan(plan_path)
    group = next(g for g in plan["groups"] if g["name"] == group_name)
    for name in files_of(group):
        with open(os.path.join(source_dir, KERNELS, name), encoding="utf-8") as file:
            text = file.read()
        mutants = [m for m in plan["mutants"] if m["group"] == group_name and m["file"] == name]
        write(os.path.join(folder, KERNELS, name), planted(text, mutants))


def cpp(value):
    """A string, or a list of strings, as C++ has it."""
    if isinstance(value, list):
        return "{" + ", ".join(map(cpp, value)) + "}"
    return json.dumps(value, ensure_ascii=False)


def host_mutants(plan, kind, groups, functions):
    """The list of mutants of groups without kernels, with functions of the group's."""
    lines = [f"const std::vector<{kind}Mutant>& {kind.lower()}_mutants() {{", f"static const std::vector<{kind}Mutant> all{{"]
    for m in plan["mutants"]:
        if m["group"] in groups:
            fields = [m["name"], f"{m['file']}: {m['what']}", m["caught_by"]]
            own = ", ".join(f"mutant_{m['group']}::{function}" for function in functions)
            lines.append(f"{{{m['number']}, " + ", ".join(map(cpp, fields)) + f", {own}}},")
    return lines + ["};", "return all;", "}"]


def list_mutants(plan_path, output):
    plan = read_plan(plan_path)
    lines = ["// Made of mutants.json by make_mutants.py.",
             '#include "tests/mutants/mutants.h"', "", "namespace vitrine {"]
    for group in plan["groups"]:
        space = "mutant_" + group["name"]
        if is_runtime(group):
            lines += [f"namespace {space} {{ const Runtime& runtime(); }}"]
        if is_collective(group):
            lines += [f"namespace {space} {{ std::unique_ptr<DeviceCollective> join_nccl(Collective&, bool); }}"]
        if is_runtime(group):
            continue
        externs = " ".join(f"extern KernelOf<&KernelTable::{k}> {k};" for k in group["kernels"])
        changes = " ".join(f"table.{k}.kernel = &{space}::{k};" for k in group["kernels"])
        lines += [f"namespace {space} {{", externs,
                  f"static void put_into(KernelTable& table) {{ {changes} }}", "}"]
    lines += ["const std::vector<Mutant>& mutants() {", "static const std::vector<Mutant> all{"]
    runtimes = {group["name"] for group in plan["groups"] if is_runtime(group)}
    for m in plan["mutants"]:
        if m["group"] in runtimes:
            continue
        fields = [m["name"], f"{m['file']}: {m['what']}", m["group"], m["op"], m["kernels"], m["implementations"],
                  m["problems"], m["caught_by"]]
        lines.append(f"{{{m['number']}, " + ", ".join(map(cpp, fields)) + f", mutant_{m['group']}::put_into}},")
    lines += ["};", "return all;", "}"]
    collectives = {group["name"] for group in plan["groups"] if is_collective(group)}
    lines += host_mutants(plan, "Runtime", runtimes - collectives, ["runtime"])
    lines += host_mutants(plan, "Collective", collectives, ["runtime", "join_nccl"])
    lines += ["}  // namespace vitrine", ""]
    write(output, "\n".join(lines))


def symbols(nm, objects):
    """What the objects define, and what they lack."""
    defined, lacking = set(), set()
    listing = subprocess.run([nm, *objects], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) >= 2 and "mutant_" in fields[-1]:
            (lacking if fields[-2] == "U" else defined).add(fields[-1])
    return defined, lacking


def link(nm, output, objects):
    """A group holds few kernel files. What others define (the stream, helpers) is the same code in another
    namespace: its mangled name differs by that namespace alone."""
    defined, lacking = symbols(nm, objects)
    lines = []
    for symbol in sorted(lacking - defined):
        space = re.match(r"_ZN[KV]*7vitrine(\d+)mutant_", symbol)
        if space is None:
            sys.exit(f"make_mutants.py does not know what stands for {symbol}")
        own = symbol[space.start(1):space.end(1) + int(space[1])]
        right = symbol.replace(own, "4simt")
        lines.append(f"EXTERN({right});\n{symbol} = {right};\n")
    write(output, "".join(lines))


def main():
    command, *arguments = sys.argv[1:] or [""]
    if command == "plant":
        plant(*arguments)
    elif command == "list":
        list_mutants(*arguments)
    elif command == "link":
        link(arguments[0], arguments[1], arguments[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
