"""What tests of pages share: a browser, a page made of runs' folders, and questions to it."""

import argparse
import json
import pathlib
import subprocess
import tempfile
import unittest

from devtools import Browser, find_chromium

# The programs report and inspect, and where to keep pictures of the pages; check_report.py and check_inspect.py set them.
arguments = argparse.Namespace(report=None, inspect=None, screenshots=None)

# The text of the box that shows values, and the middle of a chart in the window once it has been scrolled there.
TIP = "document.getElementById('tip').hidden ? null : document.getElementById('tip').innerText"
MIDDLE = """(() => { const chart = [...document.querySelectorAll('.chart')].find(each => each.querySelector('h3').textContent === %s);
  const svg = chart.querySelector(':scope > svg'); svg.scrollIntoView({block: 'center', behavior: 'instant'}); const box = svg.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2]; })()"""
# The commands of each curve's path, by chart and name.
POINTS = """Object.fromEntries([...document.querySelectorAll('.chart')].map(chart => [chart.querySelector('h3').textContent,
  Object.fromEntries([...chart.querySelectorAll('.series')].map(each =>
    [each.dataset.name, (each.querySelector('path.line').getAttribute('d').match(/[ML]/g) || []).length]))]))"""
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
  for (const node of document.querySelectorAll('h1,h2,h3,p,a,button,th,td,dt,dd span,caption,figcaption span,code span,text,footer,summary,small,output,label span,.banner span')) {
    if (!node.textContent.trim() || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(rgba(node.tagName === 'text' ? style.fill : style.color)), light(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(`${node.tagName}.${node.className.baseVal ?? node.className} ${node.textContent.slice(0, 20)} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return low; })()"""
STATE = "document.querySelector('.state').textContent"
# The texts of a table's cells, row by row, by what its caption says.
TABLE = """(() => { const table = [...document.querySelectorAll('table')].find(each => each.caption && each.caption.textContent === %s);
  return table && [...table.rows].map(row => [...row.cells].map(cell => cell.innerText.trim().replace(/\\s+/g, ' '))); })()"""
# Legends, notes and what else is written in a chart, by its title.
CHART = """(() => { const chart = [...document.querySelectorAll('.chart')].find(each => each.querySelector('h3').textContent === %s);
  return chart && chart.innerText + ' ' + [...chart.querySelectorAll('text')].map(each => each.textContent).join(' '); })()"""
# Charts that have an empty place beside them.
HOLES = """[...document.querySelectorAll('.charts')].flatMap(grid => { const edge = grid.getBoundingClientRect().right;
  const lowest = [...grid.children].pop().getBoundingClientRect();
  return lowest.right < edge - 2 ? [grid.children.length] : []; })"""


class PageTest(unittest.TestCase):
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
        subprocess.run([arguments.report, *runs, "--out", page], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.browser.look(width, 800, dark=dark, touch=touch)
        self.browser.open(page)
        self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), width, "the page is wider than the screen")
        self.assertEqual(self.browser.run(HOLES), [], "a chart with an empty place beside it")

    def keep(self, name):
        if arguments.screenshots:
            pathlib.Path(arguments.screenshots).mkdir(parents=True, exist_ok=True)
            self.browser.screenshot(f"{arguments.screenshots}/{name}.png")

    def text(self):
        return self.browser.run("document.body.innerText")

    def table(self, caption):
        return self.browser.run(TABLE % json.dumps(caption))

    def chart(self, title):
        return self.browser.run(CHART % json.dumps(title))

    def middle_of(self, chart):
        return self.browser.run(MIDDLE % json.dumps(chart))

    def headings(self):
        return self.browser.run("[...document.querySelectorAll('h2')].map(each => each.textContent)")
