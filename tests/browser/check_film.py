"""Opens films of `inspect kernel` in headless Chromium: they play, step and scrub, by keys and by clicks; what is drawn of each
request adds up to its counts, and those to the table; two side by side; widths, light and dark; and the console stays empty.

    python3 tests/browser/check_film.py build/release/bin/inspect [--screenshots FOLDER]

Exits with 77, which CTest counts as skipped, where there is no Chromium.
"""

import argparse
import pathlib
import subprocess
import sys
import time
import unittest

from devtools import find_chromium
from page_test import LOW_CONTRAST, PageTest, arguments

MOMENT = "document.querySelector('.film output').textContent"
WHAT = "document.querySelector('.what').textContent"
# Where the script counts sectors and passes itself to draw them, they must be the executor's.
WRONG_REQUESTS = """films.flatMap(film => film.events.filter(isRequest).filter(event => event.shared
  ? event.passes !== sum(bankGroups(event).map(passesOf)) || event.idealPasses !== bankGroups(event).length
  : event.sectors !== sectorsOf(event).length).map(event => event.column))"""
COUNT = "[...document.querySelectorAll('[data-count=%s]')].map(cell => Number(cell.textContent.replaceAll(',', '')))"
RUBBISH = "['undefined', '[object', 'unknown memory'].filter(word => document.body.innerText.includes(word))"


class Film(PageTest):
    def film(self, *options, width=1400, dark=False, touch=False):
        page = self.root / "film.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        made = subprocess.run([arguments.inspect, "kernel", *options, "--out", page], capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        # The page's script is in a scope of its own: opened up for the questions of these tests.
        html = page.read_text(encoding="utf-8").replace("(() => {\n'use strict';", "'use strict';").replace("})();\n</script>", "</script>")
        page.write_text(html, encoding="utf-8")
        self.browser.look(width, 900, dark=dark, touch=touch)
        self.browser.open(page)
        self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), width, "the page is wider than the screen")
        self.assertEqual(self.browser.run(RUBBISH), [])
        return made.stdout

    def moment(self):
        return self.browser.run("[active.column, active.warp]")

    def test_steps_by_keys_and_buttons(self):
        self.film("depthwise_conv_forward", "--impl", "rows", "--shape", "1x28x28x192")
        self.keep("film_depthwise")
        self.assertEqual(self.moment(), [0, 0])
        self.browser.press("ArrowRight")
        self.assertEqual(self.moment(), [1, 0])
        self.browser.press("ArrowDown")
        self.assertEqual(self.moment(), [1, 1])
        self.assertIn("warp 1", self.browser.run(MOMENT))
        self.browser.press("ArrowLeft")
        self.browser.press("ArrowLeft")
        self.assertEqual(self.moment(), [0, 1], "it stays at the beginning")
        self.browser.press("End")
        self.assertEqual(self.moment(), [self.browser.run("active.film.columns - 1"), 1])
        self.browser.press("Home")
        self.browser.run("document.querySelector('[aria-label^=\"A step on\"]').click()")
        self.assertEqual(self.moment(), [1, 1])
        self.assertRegex(self.browser.run(WHAT), "^Warp 1 (reads|writes) ")
        self.assertEqual(self.browser.run("document.querySelectorAll('.lanes li').length"), 32)
        self.assertEqual(self.browser.run(WRONG_REQUESTS), [])

    def test_plays_and_pauses(self):
        self.film("add_forward")
        self.browser.run("(active.speed = 'fast', document.activeElement.blur())")
        self.browser.press(" ")
        deadline = time.monotonic() + 20
        while self.moment()[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertGreater(self.moment()[0], 0)
        while self.browser.run("active.timer !== null") and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.moment()[0], self.browser.run("active.film.columns - 1"), "it plays to the end")
        self.browser.press(" ")
        self.assertTrue(self.browser.run("active.timer !== null"))
        self.browser.press(" ")
        self.assertFalse(self.browser.run("active.timer !== null"))

    def test_scrubs_and_points(self):
        self.film("softmax_cross_entropy_forward", "--impl", "blocks")
        self.browser.run("(scrub => { scrub.value = 5; scrub.dispatchEvent(new Event('input')); })(active.scrub)")
        self.assertEqual(self.moment()[0], 5)
        x, y, columns, warps = self.browser.run("""(() => { active.timeline.canvas.scrollIntoView({block: 'center', behavior: 'instant'});
          const box = active.timeline.canvas.getBoundingClientRect();
          return [box.right - 2, box.bottom - 8, active.film.columns, active.film.warps]; })()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        self.browser.settle()
        column, warp = self.moment()
        self.assertGreaterEqual(column, columns - 1 - columns // 100)
        self.assertEqual(warp, warps - 1)
        # From barrier to barrier, and to the next event of a line.
        self.browser.press("Home")
        self.browser.press("PageDown")
        self.assertEqual(self.moment()[0], self.browser.run("active.film.intervals[1].begin"))
        self.browser.run("document.querySelector('.code:not([hidden]) .busy button').click()")
        self.assertTrue(self.browser.run("document.querySelector('.line.now') !== null"))
        self.keep("film_softmax")
        shuffle = self.browser.run("(event => { active.toEvent(event); return event !== undefined; })"
                                   "(films[0].events.find(event => event.kind === 'shuffle'))")
        self.assertTrue(shuffle)
        self.assertGreater(self.browser.run("document.querySelectorAll('.shuffle .moved').length"), 0)
        self.keep("film_shuffle")

    def test_two_side_by_side_with_their_counts(self):
        self.film("linear_forward", "--impl", "naive", "--beside", "register_tiled", "--shape", "64x512 to 10", width=1600)
        self.keep("film_two")
        self.assertEqual(self.browser.run("document.querySelectorAll('.film').length"), 2)
        for count in ("requests", "sectors", "ideal_sectors", "bytes", "passes", "barriers", "multiply_adds"):
            naive_block, naive, tiled_block, tiled = self.browser.run(COUNT % count)
            self.assertLessEqual(naive_block, naive)
            self.assertLessEqual(tiled_block, tiled)
        self.assertLess(self.browser.run(COUNT % "requests")[3], self.browser.run(COUNT % "requests")[1], "tiles read less")
        self.assertEqual(self.browser.run(WRONG_REQUESTS), [])
        self.browser.run("players[1].node.querySelector('.play').focus()")
        self.browser.press("ArrowRight")
        self.assertEqual(self.browser.run("players.map(player => player.column)"), [0, 1])
        self.browser.run("players[1].toEvent(films[1].events.find(event => event.shared && event.kind === 'read'))")
        self.assertGreater(self.browser.run("document.querySelectorAll('.bank').length"), 31)
        self.keep("film_banks")

    def test_a_block_that_is_the_launch_has_its_counts(self):
        self.film("add_forward", "--shape", "33")
        for count in self.browser.run("countRows.map(([, key]) => key)"):
            block, launch = self.browser.run(COUNT % count)
            self.assertEqual(block, launch, count)

    def test_on_a_phone_in_the_dark(self):
        for width, dark in ((360, False), (390, True), (1400, True)):
            self.film("batch_norm_forward", "--shape", "3136 rows x 24" if width == 390 else "", width=width, dark=dark, touch=width < 500)
            self.assertEqual(self.browser.run(LOW_CONTRAST), [])
            self.keep(f"film_{width}_{'dark' if dark else 'light'}")

    def test_without_a_kernel_of_that_name(self):
        made = subprocess.run([arguments.inspect, "kernel", "no_such"], capture_output=True, text=True)
        self.assertEqual(made.returncode, 2)
        self.assertIn("there is no such kernel", made.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inspect", type=pathlib.Path, help="the program inspect")
    parser.add_argument("--screenshots", metavar="FOLDER", help="keep pictures of the pages, to look at")
    parser.add_argument("tests", nargs="*", help="Film.test_plays_and_pauses, …; all where none is named")
    parser.parse_intermixed_args(namespace=arguments)
    if find_chromium() is None:
        print("SKIPPED: there is no Chromium here to look at the films with (apt-get install chromium-headless-shell)")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *arguments.tests], verbosity=2)
