"""The maps of a run that was watched: a cell for each row and step, its colour and value, and what stands out in words."""

import json

from made_up_run import write_run
from page_test import LOW_CONTRAST, TIP, PageTest

MAPS = """Object.fromEntries([...document.querySelectorAll('.map')].map(map => [map.querySelector('h3').textContent,
  [map.querySelector('canvas').width, map.querySelector('canvas').height]]))"""
MAP = "[...document.querySelectorAll('.map')].find(map => map.querySelector('h3').textContent === %s)"
# The middle of a cell in the window, once its map has been scrolled there.
CELL = f"""((x, y) => {{ const canvas = {MAP}.querySelector('canvas'); canvas.scrollIntoView({{block: 'center', behavior: 'instant'}});
  const box = canvas.getBoundingClientRect(); return [box.left + (x + 0.5) * box.width / canvas.width, box.top + (y + 0.5) * box.height / canvas.height]; }})(%d, %d)"""
COLOUR = f"""(() => {{ const map = {MAP}.querySelector('canvas'), copy = document.createElement('canvas');
  [copy.width, copy.height] = [map.width, map.height];
  const pen = copy.getContext('2d', {{willReadFrequently: true}});
  pen.drawImage(map, 0, 0);
  return [...pen.getImageData(%d, %d, 1, 1).data]; }})()"""
FINDINGS = "document.querySelector('.findings').innerText"
WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


class WatchedMaps(PageTest):
    def run_with(self, name="run", **more):
        run = write_run(self.root / name, epochs=8, watched=60, **more)
        return run, [json.loads(line) for line in (run / "watch.jsonl").read_text().splitlines()]

    def cell(self, title, x, y, ask=CELL):
        return self.browser.run(ask % (json.dumps(title), x, y))

    def press_view(self, title, name):
        self.browser.run(f"[...{MAP % json.dumps(title)}.querySelectorAll('button')].find(each => each.textContent === {json.dumps(name)}).click()")

    def test_a_cell_for_each_row_and_step_in_every_light_and_width(self):
        run, lines = self.run_with(ill=True)
        for width, dark, touch, name in ((1200, False, False, "light"), (1200, True, False, "dark"), (360, False, True, "phone"),
                                         (360, True, True, "phone_dark")):
            with self.subTest(name):
                self.open(run, width=width, dark=dark, touch=touch)
                self.keep(f"watched_{name}")
                self.assertEqual(self.headings()[:3], ["Curves", "Layer by layer", "Speed"])
                layers = lines[-1]["layers"].values()
                self.assertEqual(self.browser.run(MAPS), {
                    "Update ratio": [len(lines), len(lines[-1]["weights"])], "Gradient norm": [len(lines), len(lines[-1]["weights"])],
                    "Deviation of outputs": [len(lines), len(layers)],
                    "Zeros and saturation": [len(lines), sum(any((line["layers"][row][2] or 0) > 0 for line in lines) for row in lines[-1]["layers"])]})
                self.assertEqual(self.browser.run(LOW_CONTRAST), [])
                self.assertFalse(self.browser.run(WIDE))
                self.press_view("Zeros and saturation", "dead channels")
                self.assertEqual(self.browser.run(MAPS)["Zeros and saturation"], [len(lines), 1])

    def test_pointer_finger_and_keys_show_the_values(self):
        run, lines = self.run_with()
        self.open(run)
        for title, group, x, y in (("Update ratio", "weights", 40, 17), ("Gradient norm", "weights", 3, 52), ("Deviation of outputs", "layers", 59, 4)):
            name, row = list(lines[x][group].items())[y]
            value = row[2] / row[0] if title == "Update ratio" else row[1]
            self.browser.point_at(*self.cell(title, x, y))
            tip = self.browser.run(TIP)
            self.assertTrue(tip.startswith(name + "\n"), tip)
            self.assertIn(f"step {lines[x]['step']:,}", tip)
            shown = next(float(word) for word in tip.split("\n")[1].replace(",", "").split() if word[0].isdigit())
            self.assertAlmostEqual(shown / value, 1, delta=0.02)
        self.browser.point_at(2, 2)
        self.assertIsNone(self.browser.run(TIP))

        self.browser.run("document.querySelector('.map canvas').focus()")
        names = list(lines[0]["weights"])
        for key in ("ArrowUp", "Home", "PageUp"):  # the first shows where the pointer was
            self.browser.press(key)
        for key, x, y in (("ArrowLeft", 0, 0), ("ArrowRight", 1, 0), ("ArrowDown", 1, 1), ("End", len(lines) - 1, 1),
                          ("PageDown", len(lines) - 1, len(names) - 1), ("ArrowUp", len(lines) - 1, len(names) - 2), ("Home", 0, len(names) - 2)):
            self.browser.press(key)
            tip = self.browser.run(TIP)
            self.assertTrue(tip.startswith(names[y] + "\n") and f"step {lines[x]['step']:,}," in tip, (key, tip))
        self.browser.press("Escape")
        self.assertIsNone(self.browser.run(TIP))

        self.open(run, width=360, touch=True)
        self.browser.tap(*self.cell("Zeros and saturation", 55, 20))
        self.assertRegex(self.browser.run(TIP), r"of the values are 0")
        box = self.browser.run("(box => [box.left, box.right])(document.getElementById('tip').getBoundingClientRect())")
        self.assertTrue(0 <= box[0] and box[1] <= 360, box)

    def test_colours_tell_sizes(self):
        run, lines = self.run_with(ill=True)
        jumps, usual = list(lines[0]["weights"]).index("features.2.conv.0.0.weight"), 20
        for dark in (False, True):
            self.open(run, dark=dark)
            red, _, blue, _ = self.cell("Update ratio", 30, jumps, COLOUR)
            self.assertGreater(red, blue + 30, "orange above what is usual")
            red, _, blue, _ = self.cell("Update ratio", 0, usual, COLOUR)
            self.assertGreater(blue, red + 30, "blue below")
            explodes = list(lines[0]["weights"]).index("features.7.conv.2.weight")
            self.assertEqual(self.cell("Gradient norm", len(lines) - 1, explodes, COLOUR), [253, 231, 37, 255], "the highest colour")

    def test_sentences_name_the_layers_where_something_is_wrong(self):
        run, _ = self.run_with("sound")
        self.open(run)
        self.assertTrue(self.browser.run(FINDINGS).startswith("Nothing stands out"))
        run, lines = self.run_with("ill", ill=True)
        self.open(run)
        said = self.browser.run(FINDINGS)
        for sentence in ("1 layer has dead channels", "features.11.conv.1.1 normalize+relu6 (31%).", "features.4.conv.0.1 normalize+relu6 (42%).",
                         "1 layer has a gradient that explodes", "features.7.conv.2 pointwise_conv (", "1 weight moves by more than a hundredth",
                         "features.2.conv.0.0.weight (0.0"):
            self.assertIn(sentence, said)
        with open(run / "watch.jsonl", "a") as file:  # the next step's loss is not finite
            row = lines[-1] | {"step": lines[-1]["step"] + 1}
            for name in list(row["weights"])[:6]:
                row["weights"][name] = [1.0, None, None]
            file.write(json.dumps(row) + "\n")
        self.open(run)
        self.assertIn("6 parameters have no finite gradient at the last step that was watched: features.0.0.weight, ", self.browser.run(FINDINGS))

    def test_many_steps_are_thinned_damage_is_left_out_and_several_runs_have_no_maps(self):
        run = write_run(self.root / "many", epochs=8, watched=500)
        self.open(run)
        self.assertLessEqual(self.browser.run(MAPS)["Update ratio"][0], 120)
        lines = (run / "watch.jsonl").read_text().splitlines()
        self.assertIn(f"of the {len(lines)} watched steps are drawn", self.text())
        # A resume repeats steps; a kill cuts a line off.
        (run / "watch.jsonl").write_text("\n".join(lines[:50] + ["{", "[]"] + lines[30:60] + [lines[60][:200]]))
        self.open(run)
        self.assertEqual(self.browser.run(MAPS)["Update ratio"][0], 60)
        self.assertIn("watch.jsonl, line 51; watch.jsonl, line 52", self.text())
        self.open(run, write_run(self.root / "other", epochs=8, seed=2, watched=20))
        self.assertEqual(self.browser.run(MAPS), {})
        (run / "watch.jsonl").unlink()
        self.open(run)
        self.assertNotIn("Layer by layer", self.headings())
