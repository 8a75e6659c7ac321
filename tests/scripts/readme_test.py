"""What the READMEs say, as far as a test can tell: links lead somewhere, the files that are named are there and all files are
named, lists and counts are those of the sources.
"""

import fnmatch
import json
import re
import unittest

from readme_commands import command_in, commands_of, table_problems
from readmes import FOLDERS, ROOT, anchors, links, readmes, split, tables, text_of

SOURCES = {".h", ".cpp", ".cu", ".py", ".sh", ".js", ".css", ".def", ".toml", ".cmake"}
# Folders whose files are so many of one kind that their README names the kind.
ONE_EACH = {"engine/ops": "one .cpp each", "lab/gradcheck/cases": "one file for each op"}
# What READMEs name that is no file of the repository: what programs write, what others have, examples.
ELSEWHERE = {"report.html", "both.html", "recipe.toml", "hwy/foreach_target.h", "cuda_occupancy.h", "-inl.h"}


def sources():
    """Paths from the root of all files that somebody wrote."""
    found = []
    for folder in FOLDERS:
        found += [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.suffix in SOURCES]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def words(readme):
    """Whatever may be a file's name: in backquotes, in the first column of a table, in blocks."""
    prose, blocks = split(readme)
    spans = [line for block in blocks for line in block.lines]
    for line in prose.values():
        spans += re.findall(r"`([^`]+)`", line)
        if line.startswith("|"):
            spans.append(line.strip("|").split("|")[0])
    plain = re.findall(r"[\w./*-]+\.(?:h|cpp|cu|py|sh|js|css|def|toml|cmake)\b(?!\.in)", text_of(readme))
    return {word.strip("`") for span in spans for word in re.split(r"[\s,;:()]+", span)} | set(plain)


def pattern(word):
    """A word such as OP.cu or compare_*.py as fnmatch has it."""
    return re.sub(r"\b[A-Z][A-Z_]+\b", "*", word)


def unit(name):
    """A header, its source and its -inl.h are one."""
    return name.split(".")[0].removesuffix("-inl")


def nearest_readme(path):
    folder = path.parent
    while not (ROOT / folder / "README.md").exists():
        folder = folder.parent
    return folder / "README.md"


class Readmes(unittest.TestCase):
    def test_links_lead_to_files_and_headings(self):
        count = 0
        for readme in readmes():
            for line, target in links(readme):
                if target.startswith("http"):
                    continue
                count += 1
                path, _, anchor = target.partition("#")
                found = (ROOT / readme.parent / path).resolve() if path else ROOT / readme
                with self.subTest(link=f"{readme}:{line}: {target}"):
                    self.assertTrue(found.exists())
                    if anchor:
                        page = found / "README.md" if found.is_dir() else found
                        self.assertIn(anchor, anchors(page.relative_to(ROOT)))
        self.assertGreater(count, 30)

    def test_every_file_is_named_by_the_readme_above_it(self):
        for readme in readmes():
            known = {pattern(word).split("/")[-1] for word in words(readme) if word.strip("*./")}
            units = {unit(word) for word in known}
            for path in sources():
                if nearest_readme(path) != readme or path.stem == "main":
                    continue
                folder = str(path.parent)
                if folder in ONE_EACH:
                    self.assertIn(ONE_EACH[folder], text_of(readme))
                    continue
                # Of the tests, their folders are named, and what they share.
                if readme.parts[:-1] == ("tests",) and len(path.parts) > 2:
                    named = f"`{path.parts[1]}/`" in " ".join(split(readme)[0].values())
                    self.assertTrue(named, f"{readme} does not say what tests/{path.parts[1]} proves")
                    continue
                named = unit(path.name) in units or any(
                    fnmatch.fnmatch(name, word) for word in known for name in (path.name, path.stem))
                with self.subTest(file=str(path), readme=str(readme)):
                    self.assertTrue(named, f"{readme} does not say what {path} is")

    def test_every_file_that_is_named_is_there(self):
        files = [str(path) for path in sources()] + [str(readme) for readme in readmes()]
        files += [path.name for path in ROOT.iterdir()] + [f"cmake/{path.name}" for path in (ROOT / "cmake").iterdir()]
        for readme in readmes():
            for word in words(readme):
                if not re.fullmatch(r"[\w./*-]+\.(h|cpp|cu|py|sh|js|css|def|toml|cmake|\*)", word):
                    continue
                if word in ELSEWHERE or word.startswith(("runs/", "/tmp/", "/etc/", ".")) or "NAME" in word:
                    continue
                with self.subTest(readme=str(readme), word=word):
                    form = pattern(word)
                    self.assertTrue(any(fnmatch.fnmatch(file, form) or fnmatch.fnmatch(file, f"*/{form}") for file in files),
                                    f"{readme} names {word}, which is nowhere")

    def test_every_floor_and_recipe_is_listed_once(self):
        tour = [row[0] for table in tables(ROOT / "README.md") for row in table if table[0][0] == "folder"]
        self.assertEqual(sorted(re.sub(r"[\[\]/]|\(.*\)", "", cell) for cell in tour[1:]), sorted(FOLDERS))
        table = next(table for table in tables(ROOT / "tools/recipes/README.md") if table[0][0] == "recipe")
        self.assertEqual(sorted(row[0].strip("`") for row in table[1:]),
                         sorted(path.stem for path in (ROOT / "tools/recipes").glob("*.toml")))

    def test_no_table_says_a_thing_twice(self):
        for readme in readmes():
            for table in tables(readme):
                if table[0][0] not in ("file", "script", "program", "recipe", "folder", "key"):
                    continue
                first = [row[0] for row in table if row[0]]
                self.assertEqual(sorted(first), sorted(set(first)), str(readme))

    def test_every_claim_names_the_test_that_proves_it(self):
        commands = (ROOT / "tests/CMakeLists.txt").read_text() + (ROOT / "tests/fuzz/CMakeLists.txt").read_text() + \
            (ROOT / "tests/mutants/CMakeLists.txt").read_text()
        forms = [re.sub(r"\$\{\w+\}", "*", name) for name in re.findall(r"(?:vitrine_test\(|add_test\(NAME )([\w${}]+)", commands)]
        table = next(table for table in tables(ROOT / "README.md") if table[0][0] == "claim")
        self.assertEqual(table[0][2], "ctest")
        for row in table[1:]:
            if row[2].startswith("all,"):
                continue
            with self.subTest(claim=row[0]):
                if row[2].startswith("no: "):  # what proves it is not run by ctest
                    self.assertTrue((ROOT / row[2].removeprefix("no: ").strip("`")).is_file(), row[2])
                    continue
                for name in re.findall(r"`([^`]+)`", row[2]) or [""]:
                    self.assertTrue(any(fnmatch.fnmatch(name, form) for form in forms), f"ctest has no '{name}'")

    def test_every_program_is_listed(self):
        for folder in ("tools", "lab"):
            table = next(table for table in tables(ROOT / folder / "README.md") if table[0][0] == "program")
            listed = re.findall(r"`([^`]+)`", " ".join(row[0] for row in table))
            programs = [path.parent.name for path in (ROOT / folder).glob("*/main.cpp")]
            scripts = [path.name for path in (ROOT / folder).iterdir() if path.suffix in (".sh", ".py")]
            self.assertEqual(sorted(listed), sorted({*programs, *scripts} - {"dependencies.sh"}))


class Commands(unittest.TestCase):
    """The tables of readme_commands.py, which runs them."""

    def test_every_command_runs_or_has_a_reason(self):
        self.assertEqual(table_problems({readme: commands_of(readme) for readme in readmes()}), [])

    def test_one_that_nobody_listed_is_told_and_one_that_is_gone(self):
        commands = {readme: commands_of(readme) for readme in readmes()}
        page = readmes()[-1]
        gone = commands[page].pop()
        commands[page].append("train --new-flag photos")
        problems = "\n".join(table_problems(commands))
        self.assertIn(f"{page}: `train --new-flag photos` is in neither table", problems)
        if not any(gone in each for each in commands.values()):
            self.assertIn(f"no README has `{gone}` any more", problems)

    def test_the_blocks_of_a_lesson_are_left_to_the_lessons(self):
        self.assertEqual(split("tools/lessons/01_gradient.md")[1], [])
        self.assertNotEqual(split("tools/lessons/README.md")[1], [])

    def test_commands_are_found_in_lines_and_spans(self):
        self.assertEqual(command_in("tools/test.sh --full      everything"), "tools/test.sh --full")
        self.assertEqual(command_in("train --summary # layers"), "train --summary")
        self.assertIn("train --help", commands_of(readmes()[0]))
        self.assertIn("build/release/bin/train --model mobilenet_v2 --summary", commands_of(readmes()[0]))


class Counts(unittest.TestCase):
    """Numbers that stand in a README and in the sources."""

    def said(self, readme, form):
        match = re.search(form, text_of(readme))
        self.assertIsNotNone(match, f"{readme} says nothing like {form}")
        return match[1].replace(",", "")

    def test_mutants(self):
        mutants = json.loads((ROOT / "tests/mutants/mutants.json").read_text())["mutants"]
        self.assertEqual(self.said("README.md", r"(\d+) defects planted"), str(len(mutants)))

    def test_frozen_cases_of_augmentation(self):
        cases = json.loads((ROOT / "tests/golden/augment.json").read_text())["cases"]
        self.assertEqual(self.said("README.md", r"(\d+) frozen cases"), str(len(cases)))

    def test_parameters_of_the_models(self):
        facts = json.loads((ROOT / "tests/golden/models/facts.json").read_text())
        for row in next(table for table in tables("models/README.md") if table[0][0] == "name")[1:]:
            self.assertIn(int(row[1].replace(",", "")), numbers_in(facts), row[0])

    def test_the_accuracy_of_the_first_command_is_one_figure(self):
        self.assertEqual(self.said("README.md", r"6 epochs up to 0\.1 and reaches ([\d.]+\d)"),
                         self.said("tools/README.md", r"gave `basic_block_net` ([\d.]+) in 6 epochs"))

    def test_the_pictures_are_small(self):
        shown = [target for _, target in links("README.md") if target.endswith(".png")]
        self.assertEqual(sorted(shown), sorted(f"tests/pictures/{path.name}" for path in (ROOT / "tests/pictures").glob("*.png")))
        for picture in shown:
            self.assertLessEqual((ROOT / picture).stat().st_size, 60_000, picture)

    def test_ops_of_the_policies(self):
        source = (ROOT / "data/transforms/auto_augment.cpp").read_text()
        count = re.search(r"op_count = (\d+)", source)[1]
        self.assertEqual(re.findall(r"of (\d+) ops", " ".join(split("data/transforms/README.md")[0].values())), [count] * 2)

    def test_limits_that_are_stated(self):
        occupancy = (ROOT / "lab/resources/report/occupancy.h").read_text()
        registers = re.search(r"registers_of_multiprocessor = (\d+)", occupancy)[1]
        self.assertEqual(self.said("lab/resources/README.md", r"has ([\d,]+) registers"), registers)

    def test_the_warm_up_of_best(self):
        text = (ROOT / "tools/recipes/best.toml").read_text()
        batch_size, share = (float(re.search(form, text)[1]) for form in (r"batch_size = (\d+)", r"warmup = { share = ([\d.]+)"))
        steps = 60_000 // int(batch_size) * 5  # of the runs whose accuracy is stated
        length = round(share * steps)
        self.assertIn(f"of 5 epochs of Fashion-MNIST it is {length} steps", re.sub(r"\s+#\s+|\s+", " ", text))


def numbers_in(value):
    """Every number anywhere inside."""
    if isinstance(value, dict):
        return set().union(*map(numbers_in, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(numbers_in, value)) if value else set()
    return {value} if isinstance(value, int) else set()


if __name__ == "__main__":
    unittest.main()
