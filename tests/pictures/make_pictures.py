"""Makes the pictures of the README anew: a report, a sheet of augmented images, a schedule in the terminal.

    python3 tests/pictures/make_pictures.py [--bin build/release/bin] [--run RUN]

RUN is the folder of a run whose report is shown; without it, the first command of the README is run (train, on Fashion-MNIST, for
some minutes). The sheet shows images that tools/make_image_folder.py draws. Needs Chromium, Pillow and numpy.
"""

import argparse
import html
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/golden"), str(ROOT / "tests/browser")]
import missing_packages  # noqa: E402, F401
from devtools import Browser, find_chromium  # noqa: E402
from PIL import Image  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
MOST_BYTES = 60_000
SCHEDULE = "train tools/recipes/best.toml --set phase.epochs=20 --show-schedule"

# A terminal: every character in a cell of its own, for the dots of the curves come from another font.
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: #16191d; color: #d7dde3; font: 14px/18px 'DejaVu Sans Mono', monospace; }
pre { margin: 12px 16px; font: inherit; } i { display: inline-block; width: 1ch; height: 18px; font-style: normal; overflow: visible;
vertical-align: top; } b { color: #7fc8f8; font-weight: normal; }</style>"""


def output_of(command, folder=ROOT):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"make_pictures: {command[0]} ended with code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def save_small(picture, name):
    """With as many colours of a palette as the bytes allow."""
    for colours in (256, 128, 64, 32, 16):
        file = HERE / name
        picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(file, optimize=True)
        if file.stat().st_size <= MOST_BYTES:
            print(f"{file.relative_to(ROOT)}: {picture.width}×{picture.height}, {colours} colours, {file.stat().st_size} bytes")
            return
    sys.exit(f"make_pictures: {name} does not fit into {MOST_BYTES} bytes")


def picture_of(browser, page, width, height):
    browser.look(width, height)
    browser.open(page)
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        browser.screenshot(file.name, whole_page=False)
        picture = Image.open(file.name)
        picture.load()
    return picture


def make_report(browser, programs, run, folder):
    if run is None:
        run = folder / "run"
        output_of([programs / "train", "--out", run])
    page = folder / "report.html"
    output_of([programs / "report", run, "--out", page])
    picture = picture_of(browser, page, 1280, 1040)
    save_small(picture.resize((960, 780), Image.Resampling.LANCZOS), "report.png")


def make_preview(programs, folder):
    output_of([sys.executable, ROOT / "tools/make_image_folder.py", folder / "images", "--classes", "24", "--train", "4",
               "--val", "2", "--size", "96"])
    output_of([programs / "train", ROOT / "tools/recipes/stage5-random-choice.toml", "--data", folder / "images", "--preview", "2",
               "--set", "transforms.resize=96", "--out", folder / "sheet"])
    sheet = Image.open(folder / "sheet/preview.png").convert("RGB")
    width = min(sheet.width, 900)
    save_small(sheet.resize((width, round(sheet.height * width / sheet.width)), Image.Resampling.LANCZOS), "preview.png")


def make_terminal(browser, programs, folder):
    program, *arguments = SCHEDULE.split()
    text = f"$ {SCHEDULE}\n" + output_of([programs / program, *arguments])
    lines = ["".join(f"<i>{html.escape(letter)}</i>" for letter in line) for line in text.rstrip().splitlines()]
    lines[0] = f"<b>{lines[0]}</b>"
    page = folder / "terminal.html"
    page.write_text(f"{TERMINAL}<pre>{chr(10).join(lines)}</pre>")
    save_small(picture_of(browser, page, 80 * 9, 24 + 18 * len(lines)), "schedule.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="the built programs")
    parser.add_argument("--run", type=pathlib.Path, help="the run whose report is shown")
    parser.add_argument("--only", choices=("report", "preview", "schedule"), help="one of the pictures")
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        print("make_pictures: Chromium is not installed", file=sys.stderr)
        sys.exit(2)
    programs = options.bin.resolve()
    with tempfile.TemporaryDirectory(prefix="vitrine_pictures_") as place, Browser(chromium) as browser:
        folder = pathlib.Path(place)
        if options.only in (None, "preview"):
            make_preview(programs, folder)
        if options.only in (None, "schedule"):
            make_terminal(browser, programs, folder)
        if options.only in (None, "report"):
            make_report(browser, programs, options.run, folder)


if __name__ == "__main__":
    main()
