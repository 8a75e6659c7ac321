#!/usr/bin/env python3
"""Plants the defects of mutants.json in copies of the kernel files, and lists them for the test program.

    make_mutants.py plant MUTANTS NAME SOURCE_DIR FOLDER   one mutant's files, into FOLDER
    make_mutants.py list MUTANTS OUTPUT.cpp                the C++ list of all mutants
    make_mutants.py link NM OUTPUT.ld OBJECTS...           names for what the mutants share with the right kernels

See README.md for the fields of mutants.json.
"""

import json
import os
import re
import subprocess
import sys

KERNELS = "kernels/cuda"


def read_mutants(path):
    with open(path, encoding="utf-8") as file:
        mutants = json.load(file)
    names = [mutant["name"] for mutant in mutants]
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or names.count(name) > 1:
            sys.exit(f"{path}: the name '{name}' must be unique, of lower case letters, digits and _")
    return mutants


def write(path, text):
    """Only if it changes, so that nothing compiles again in vain."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                os.utime(path)
                return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def pattern_of(find):
    """Spaces and line breaks match any white space, so that formatting a kernel does not make a mutant stale."""
    return re.compile(r"\s+".join(re.escape(word) for word in find.split()))


def planted(text, mutant):
    places = list(pattern_of(mutant["find"]).finditer(text))
    times = mutant.get("times", 1)
    if len(places) != times:
        sys.exit(f"mutant {mutant['name']}: {mutant['file']} holds '{mutant['find']}' {len(places)} times "
                 f"and not {times}: the kernel has changed, and so must tests/mutants/mutants.json")
    place = places[mutant.get("occurrence", 1) - 1]
    return text[:place.start()] + mutant["replace"] + text[place.end():]


def plant(mutants_path, name, source_dir, folder):
    mutant = next(m for m in read_mutants(mutants_path) if m["name"] == name)
    with open(os.path.join(source_dir, KERNELS, mutant["file"]), encoding="utf-8") as file:
        text = planted(file.read(), mutant)
    # Lines keep the numbers of the right file, up to the defect at least.
    write(os.path.join(folder, KERNELS, mutant["file"]), text)
    for other in mutant.get("with", []):
        write(os.path.join(folder, "with_" + other), f'#include "{KERNELS}/{other}"\n')


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def list_mutants(mutants_path, output):
    declarations, entries = [], []
    for m in read_mutants(mutants_path):
        space = "mutant_" + m["name"]
        externs = " ".join(f"extern KernelOf<&KernelTable::{k}> {k};" for k in m["kernels"])
        declarations.append(f"namespace {space} {{ {externs} }}")
        changes = " ".join(f"table.{k}.kernel = &{space}::{k};" for k in m["kernels"])
        texts = [m["name"], f"{m['file']}: {m['what']}", m["op"]]
        lists = [m["kernels"], m.get("implementations", []), m["problems"]]
        entries.append("        {" + ", ".join(map(quoted, texts)) + ", "
                       + ", ".join("{" + ", ".join(map(quoted, items)) + "}" for items in lists)
                       + f", {quoted(m['caught_by'])}, [](KernelTable& table) {{ {changes} }}}},")
    write(output, "// Made of mutants.json by make_mutants.py.\n"
          '#include "tests/mutants/mutants.h"\n\nnamespace vitrine {\n\n'
          "template <auto kernel>\nstruct KernelOfMember;\n"
          "template <class Args, BoundKernel<Args> KernelTable::*member>\n"
          "struct KernelOfMember<member> { using Type = const Kernel<Args>; };\n"
          "template <auto member>\nusing KernelOf = typename KernelOfMember<member>::Type;\n\n"
          + "\n".join(declarations) + "\n\nconst std::vector<Mutant>& mutants() {\n"
          "    static const std::vector<Mutant> all{\n" + "\n".join(entries)
          + "\n    };\n    return all;\n}\n\n}  // namespace vitrine\n")


def symbols(nm, objects):
    """What the objects define and what they lack."""
    defined, lacking = set(), set()
    for line in subprocess.run([nm, *objects], check=True, capture_output=True, text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) >= 2 and "mutant_" in fields[-1]:
            (lacking if fields[-2] == "U" else defined).add(fields[-1])
    return defined, lacking


def link(nm, output, objects):
    """A mutant holds one kernel file. What others define (streams, helpers) is the same code in another
    namespace: its mangled name differs by that namespace alone."""
    defined, lacking = symbols(nm, objects)
    lines = []
    for symbol in sorted(lacking - defined):
        length = re.match(r"_ZN[KV]*7vitrine(\d+)mutant_", symbol)
        if length is None:
            sys.exit(f"make_mutants.py does not know what stands for {symbol}")
        own = symbol[length.start(1):length.end(1) + int(length[1])]
        right = symbol.replace(own, "4simt")
        lines.append(f"EXTERN({right});\n{symbol} = {right};\n")
    write(output, "".join(lines))


def main():
    command, *arguments = sys.argv[1:]
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
