"""Pages of runs whose files hold values that no run writes: whatever they are, no script fails and no text shows them."""

import json
import random

from made_up_run import write_run
from page_test import PageTest

ABSURD = (None, "x", 3, -1, 0, [], {}, 1e300, 1e-300, True, [None], {"a": 1}, "", "__proto__", [1, "x", {}])
# Every button but the one that copies, the slider, and keys on every chart.
USE = """for (const each of document.querySelectorAll('button')) if (each.textContent !== 'copy') each.click();
  for (const each of document.querySelectorAll('input')) { each.value = 0.7; each.dispatchEvent(new Event('input')); }
  for (const each of document.querySelectorAll('.chart > svg'))
    for (const key of ['Home', 'ArrowRight', 'End']) each.dispatchEvent(new KeyboardEvent('keydown', {key}));"""


def places(value, so_far=()):
    """Every place in an object, of long lists the first ones."""
    parts = value.items() if isinstance(value, dict) else enumerate(value[:6]) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*so_far, key)
        yield from places(part, (*so_far, key))


def spoil(value, draw):
    *way, last = draw.choice(list(places(value)))
    for key in way:
        value = value[key]
    if draw.random() < 0.1:
        del value[last]
    else:
        value[last] = draw.choice(ABSURD)


class Rubbish(PageTest):
    def spoil_file(self, file, draw):
        lines = [json.loads(file.read_text())] if file.suffix == ".json" else list(map(json.loads, file.read_text().splitlines()))
        for _ in range(draw.choice((0, 1, 3))):
            line = draw.choice(lines)
            if line:
                spoil(line, draw)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def test_rubbish_in_any_file_is_no_error_and_no_text(self):
        draw = random.Random(7)
        sound = write_run(self.root / "sound", epochs=4, planned=6, classes=8, seed=2)
        for round in range(12):
            run = write_run(self.root / f"run{round}", epochs=4, planned=6, classes=8, begun=0.3, mixup=draw.choice((0, 0.2)),
                            watched=12, ended=draw.choice((None, "failed", "finished")), failure=draw.choice((None, {"sentence": "s", "epoch": 4, "step": 3000})))
            for file in ("run.json", "validation.json", "metrics.jsonl", "timing.jsonl", "steps.jsonl", "watch.jsonl"):
                self.spoil_file(run / file, draw)
            for runs in ((run,), (run, sound)):
                with self.subTest(round=round, runs=len(runs)):
                    self.open(*runs)
                    self.browser.run(USE)
                    self.browser.settle()
                    for word in ("NaN", "undefined", "[object", "Infinity"):
                        self.assertNotIn(word, self.text())
                    self.assertEqual(self.browser.problems, [])
