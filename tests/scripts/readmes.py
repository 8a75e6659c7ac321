"""What the tests read in the READMEs, and in the pages beside them: text without code, blocks of code, tables, links, headings."""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("engine", "kernels", "models", "data", "tools", "lab", "tests")


def readmes():
    """All of them, as paths from the root."""
    found = [pathlib.Path("README.md")]
    for folder in FOLDERS:
        found += [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.md")]
    return sorted(found)


@dataclasses.dataclass
class Block:
    """Indented or fenced lines."""

    readme: pathlib.Path
    line: int  # of the first, from 1
    lines: list


def is_lesson(page):
    """Whose blocks are what a reader does in turn: lessons_test.py's."""
    return re.fullmatch(r"tools/lessons/\d\d_\w+\.md", str(page)) is not None


def split(readme):
    """The lines of prose as {number: text}, and the blocks of code."""
    prose, blocks = {}, []
    block, fence, after_blank, in_list = None, None, True, False
    for number, line in enumerate((ROOT / readme).read_text().splitlines(), 1):
        fenced = re.match(r"\s*```", line)
        indented = line.startswith("    ") and line.strip()
        if fence:
            if fenced:
                fence = block = None
            else:
                block.lines.append(line)
        elif fenced:
            fence = True
            block = Block(readme, number + 1, [])
            blocks.append(block)
        elif indented and (block or (after_blank and not in_list)):
            if block is None:
                block = Block(readme, number, [])
                blocks.append(block)
            block.lines.append(line[4:])
        elif not line.strip():
            if block:
                block.lines.append("")
        else:
            block = None
            prose[number] = line
            in_list = bool(re.match(r"\s*([-*]|\d+\.) ", line)) or (in_list and line.startswith(" "))
        after_blank = not line.strip()
    for each in blocks:
        while each.lines and not each.lines[-1].strip():
            each.lines.pop()
    return prose, [] if is_lesson(readme) else blocks


def text_of(readme):
    """The prose in one line."""
    return re.sub(r"\s+", " ", " ".join(split(readme)[0].values()))


def tables(readme):
    """Each as a list of rows of cells, the head first."""
    found, rows = [], []
    for line in [*split(readme)[0].values(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif rows:
            found.append([row for row in rows if not all(re.fullmatch(r":?-+:?", cell) for cell in row)])
            rows = []
    return found


def anchors(readme):
    """Of its headings, as GitHub makes them."""
    names, prose = [], split(readme)[0]
    for line in prose.values():
        heading = re.match(r"#+ (.*)", line)
        if heading:
            words = re.sub(r"[^\w\- ]", "", heading[1].replace("`", "").lower())
            names.append(words.strip().replace(" ", "-"))
    return names


def links(readme):
    """(line, target) of every link in the prose."""
    for number, line in split(readme)[0].items():
        for match in re.finditer(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            yield number, match[1]
