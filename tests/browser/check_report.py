"""Opens report.html of made-up runs in headless Chromium, and looks: curves, values under pointer, finger and keys, log
scale, what is shown of runs that have just begun, widths, light and dark, and that the console stays empty.

    python3 tests/browser/check_report.py build/release/bin/report [--screenshots FOLDER]

Exits with 77, which CTest counts as skipped, where there is no Chromium.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from devtools import Browser, find_chromium
from made_up_run import HOSTILE, write_run

arguments = argparse.Namespace(report=None, screenshots=None)

# The text of the box that shows values, and the middle of a chart in the window once it has been scrolled there.
TIP = "document.getElementById('tip').hidden ? null : document.getElementById('tip').innerText"
MIDDLE = """(() => { const chart = [...document.querySelectorAll('.chart')].find(each => each.querySelector('h3').textContent === %s);
  const svg = chart.querySelector(':scope > svg'); svg.scrollIntoView({block: 'center', behavior: 'instant'}); const box = svg.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2]; })()"""
# The commands of each curve's path, by chart and name.
POINTS = """Object.fromEntries([...document.querySelectorAll('.chart')].map(chart => [chart.querySelector('h3').textContent,
  Object.fromEntries([...chart.querySelectorAll('.series')].map(each =>
    [each.dataset.name, (each.querySelector('path').getAttribute('d').match(/[ML]/g) || []).length]))]))"""
# Texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2, level AA).
LOW_CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = node => { for (; node; node = node.parentElement) { const color = rgba(getComputedStyle(node).backgroundColor);
    if (color[3] === 255) return color; } return [255, 255, 255]; };
  const low = [];
  for (const node of document.querySelectorAll('h1,h2,h3,p,a,button,th,td,dt,dd span,caption,figcaption span,code span,text,footer,summary')) {
    if (!node.textContent.trim() || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(rgba(node.tagName === 'text' ? style.fill : style.color)), light(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(`${node.tagName}.${node.className.baseVal ?? node.className} ${node.textContent.slice(0, 20)} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return low; })()"""


class ReportInBrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="vitrine_report_")
        cls.browser = Browser(find_chromium()).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.folder.cleanup()

    def setUp(self):
        self.browser.problems.clear()
        self.root = pathlib.Path(self.folder.name) / self.id().split(".")[-1]

    def tearDown(self):
        self.assertEqual(self.browser.problems, [], "the browser's console")

    def open(self, *runs, width=1200, dark=False, touch=False):
        page = self.root / "page.html"
        subprocess.run([arguments.report, *runs, "--out", page], check=True, stdout=subprocess.DEVNULL)
        self.browser.look(width, 800, dark=dark, touch=touch)
        self.browser.open(page)
        self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), width, "the page is wider than the screen")

    def keep(self, name):
        if arguments.screenshots:
            pathlib.Path(arguments.screenshots).mkdir(parents=True, exist_ok=True)
            self.browser.screenshot(f"{arguments.screenshots}/{name}.png")

    def middle_of(self, chart):
        return self.browser.run(MIDDLE % json.dumps(chart))

    def headings(self):
        return self.browser.run("[...document.querySelectorAll('h2')].map(each => each.textContent)")

    def test_a_whole_run_has_all_sections_and_a_point_for_each_epoch(self):
        run = write_run(self.root / "run", epochs=30, classes=200)
        for width, dark, touch, name in ((1200, False, False, "light"), (1200, True, False, "dark"), (360, False, True, "phone"),
                                         (360, True, True, "phone_dark")):
            with self.subTest(name):
                self.open(run, width=width, dark=dark, touch=touch)
                self.keep(name)
                self.assertEqual(self.headings(), ["Curves", "Speed", "What it gets wrong", "Augmentation", "Recipe",
                                                   "Run and machine", "All numbers"])
                points = self.browser.run(POINTS)
                for curve in ("training", "validation", "validation, EMA"):
                    self.assertEqual((points["Loss"][curve], points["Accuracy"][curve]), (30, 30))
                self.assertGreater(points["Loss"]["batches"], 1000)
                self.assertGreater(points["Learning rate"]["learning rate"], 1000)
                self.assertEqual(self.browser.run("document.querySelectorAll('.bars rect').length"), 4 * 30)
                self.assertEqual(self.browser.run("document.querySelectorAll('td.heat').length"), 12 * 13)
                self.assertEqual(self.browser.run("[...document.images].filter(each => each.decode && each.src).length"), 17)
                self.assertEqual(self.browser.run(LOW_CONTRAST), [])

    def test_pointer_finger_and_keys_show_the_values(self):
        run = write_run(self.root / "run", epochs=30)
        metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.open(run)
        self.browser.point_at(*self.middle_of("Accuracy"))
        tip = self.browser.run(TIP)
        epoch = int(re.match(r"epoch (\d+) · cyclic", tip)[1])
        self.assertIn(epoch, (14, 15, 16))
        for key in ("train_accuracy", "val_accuracy", "ema_val_accuracy", "val_top5", "ema_val_top5"):
            self.assertIn(f"{100 * metrics[epoch - 1][key]:.2f}%", tip)
        self.assertEqual(self.browser.run("document.querySelectorAll('.cursor line').length"), 7, "a line through every chart")
        self.keep("hover")

        self.browser.point_at(*self.middle_of("Where the time goes"))
        self.assertRegex(self.browser.run(TIP), r"(?s)training steps\s+3\d\d(\.\d)? s\s.*together")
        self.browser.point_at(2, 2)
        self.assertIsNone(self.browser.run(TIP))

        self.browser.run("document.querySelector('.chart > svg').focus()")
        for key, expected in (("ArrowRight", 1), ("ArrowRight", 2), ("End", 30), ("ArrowLeft", 29), ("Home", 1)):
            self.browser.press(key)
            self.assertTrue(self.browser.run(TIP).startswith(f"epoch {expected} ·"), key)
        self.browser.press("Escape")
        self.assertIsNone(self.browser.run(TIP))

        self.open(run, width=360, touch=True)
        self.browser.tap(*self.middle_of("Loss"))
        self.assertRegex(self.browser.run(TIP), r"epoch 1[3456] · cyclic\s+training\s+\d\.\d+")
        box = self.browser.run("(box => [box.left, box.right])(document.getElementById('tip').getBoundingClientRect())")
        self.assertTrue(0 <= box[0] and box[1] <= 360, box)
        self.keep("tap")

    def test_a_log_scale_and_a_hidden_curve_redraw_the_chart(self):
        self.open(write_run(self.root / "run", epochs=30))
        ticks = "[...document.querySelectorAll('.chart')][2].querySelectorAll('.axes text.end:not(.title)').length"
        path = "[...document.querySelectorAll('.chart')][2].querySelector('.series path').getAttribute('d')"
        before = self.browser.run(path)
        self.browser.run("[...document.querySelectorAll('.chart')][2].querySelector('button').click()")
        self.assertNotEqual(self.browser.run(path), before)
        self.assertGreater(self.browser.run(ticks), 2)
        self.keep("log")
        self.browser.run("document.querySelector('.legend button').click()")
        self.assertNotIn("training", self.browser.run(POINTS)["Loss"])

    def test_names_are_text(self):
        run = write_run(self.root / "run", epochs=2, classes=3)
        self.open(run)
        self.assertNotIn("broken", self.browser.run("document.title"))
        text = self.browser.run("document.body.innerText")
        for name in HOSTILE:
            self.assertIn(name, text)
        self.assertEqual(self.browser.run("document.querySelectorAll('script').length"), 2)

    def test_runs_of_no_epoch_one_epoch_and_many(self):
        self.open(write_run(self.root / "none", epochs=0, planned=30))
        self.assertIn("running", self.browser.run("document.querySelector('.state').textContent"))
        self.assertIn("The first epoch has not ended", self.browser.run("document.body.innerText"))
        self.keep("none")
        self.open(write_run(self.root / "one", epochs=1, steps_an_epoch=0), width=360, touch=True)
        self.assertEqual(self.browser.run("document.querySelectorAll('.series circle').length") > 5, True, "a dot where a line has one point")
        self.keep("one")
        self.open(write_run(self.root / "many", epochs=300))
        self.assertEqual(self.browser.run(POINTS)["Accuracy"]["validation"], 300)
        self.keep("many")

    def test_a_run_that_early_stopping_ended_is_finished(self):
        state = "document.querySelector('.state').textContent"
        run = write_run(self.root / "run", epochs=12, planned=50)
        self.open(run)
        self.assertEqual(self.browser.run(state), "running")
        metrics = run / "metrics.jsonl"
        *others, last = metrics.read_text().splitlines()
        metrics.write_text("\n".join([*others, json.dumps({**json.loads(last), "ends_run": True})]) + "\n")
        self.open(run)
        self.assertEqual(self.browser.run(state), "finished")
        self.assertNotIn(" left", self.browser.run("document.querySelector('.tiles').innerText"))

    def test_gaps_and_damage(self):
        run = write_run(self.root / "run", epochs=10)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        lines[4]["val_loss"] = None
        for line in lines[6:]:
            line["train_loss"] = None
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (run / "metrics.jsonl").write_text(text + "}{\n" + '{"epoch": 11, "val_')
        (run / "steps.jsonl").unlink()
        (run / "timing.jsonl").write_text("")
        (run / "validation.json").write_text('{"confusion": {"labels": [0, "x"], "counts": 3}, "most_wrong": [{"image": "<b>"}, null], "confusions": "?"}')
        self.open(run)
        points = self.browser.run(POINTS)
        self.assertEqual((points["Loss"]["validation"], points["Loss"]["training"]), (9, 6))
        self.assertEqual(self.browser.run("document.querySelector('[data-name=validation] path').getAttribute('d').match(/M/g).length"), 2)
        self.assertIn("metrics.jsonl, line 11", self.browser.run("document.querySelector('.warning').textContent"))
        self.assertNotIn("Speed", self.headings())
        self.assertNotIn("NaN", self.browser.run("document.getElementById('head').innerHTML + document.getElementById('main').innerHTML"))
        (self.root / "bare").mkdir()
        (self.root / "bare/run.json").write_text('{"classes": 3, "phases": {}, "machine": null, "epochs": "x"}')
        self.open(self.root / "bare")

    def test_several_runs_share_their_axes(self):
        runs = [write_run(self.root / f"run{seed}", epochs=10 + 2 * seed, seed=seed) for seed in range(1, 11)]
        self.open(*runs[:3])
        self.keep("compare")
        self.assertEqual(self.headings(), ["Results", "Curves", "What differs in the recipes"])
        self.assertEqual(self.browser.run(POINTS)["Validation accuracy"], {"run1": 12, "run2": 14, "run3": 16})
        self.browser.point_at(*self.middle_of("Validation accuracy"))
        self.assertRegex(self.browser.run(TIP), r"epoch [78]\s+run1\s+[\d.]+%\s+run2\s+[\d.]+%\s+run3\s+[\d.]+%")
        settings = self.browser.run("[...document.querySelectorAll('.settings tbody th')].map(each => each.textContent)")
        self.assertIn("phases[1].learning_rate", settings)
        self.assertNotIn("model", settings)
        self.browser.run("document.querySelector('#curves button').click()")
        self.browser.settle()
        self.assertEqual(self.browser.run("document.querySelector('.axes .title').textContent"), "hours")
        self.assertEqual(self.browser.run(POINTS)["Validation accuracy"], {"run1": 12, "run2": 14, "run3": 16})
        self.open(*runs, width=360, dark=True, touch=True)
        self.keep("compare_ten_phone")
        self.assertEqual(self.browser.run(LOW_CONTRAST), [])

    def test_it_prints(self):
        self.open(write_run(self.root / "run", epochs=30), dark=True)
        self.browser.on_paper()
        self.assertEqual(self.browser.run("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.assertEqual(self.browser.run(LOW_CONTRAST), [])
        self.browser.print_to(self.root / "page.pdf")
        self.assertGreater((self.root / "page.pdf").stat().st_size, 50_000)
        if arguments.screenshots:
            (pathlib.Path(arguments.screenshots) / "print.pdf").write_bytes((self.root / "page.pdf").read_bytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=pathlib.Path, help="the program report")
    parser.add_argument("--screenshots", metavar="FOLDER", help="keep pictures of the pages, to look at")
    parser.parse_args(namespace=arguments)
    if find_chromium() is None:
        print("SKIPPED: there is no Chromium here to look at the report with (apt-get install chromium-headless-shell)")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
