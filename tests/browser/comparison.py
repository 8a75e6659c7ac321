"""The page of several runs: shared axes, seeds, data, settings."""

import json
import statistics

from made_up_run import write_run
from page_test import LOW_CONTRAST, POINTS, TIP, PageTest


class Comparison(PageTest):
    def test_several_runs_share_their_axes(self):
        runs = [write_run(self.root / f"run{seed}", epochs=10 + 2 * seed, seed=seed, lr=0.1 / seed) for seed in range(1, 11)]
        self.open(*runs[:3])
        self.keep("compare")
        self.assertEqual(self.headings(), ["Results", "Curves", "What differs in the recipes"])
        self.assertEqual(self.browser.run(POINTS)["Validation accuracy"], {"run1": 12, "run2": 14, "run3": 16})
        self.browser.point_at(*self.middle_of("Validation accuracy"))
        self.assertRegex(self.browser.run(TIP), r"epoch [78]\s+run1\s+[\d.]+%\s+run2\s+[\d.]+%\s+run3\s+[\d.]+%")
        settings = self.browser.run("[...document.querySelectorAll('.settings tbody th')].map(each => each.textContent)")
        self.assertEqual([each for each in settings if "lr" in each],
                         [f"phase.{i}.{key}" for i in (1, 2, 3) for key in ("lr", "scheduler.max_lr")])
        self.assertIn("seed", settings)
        self.assertNotIn("model.name", settings)
        self.browser.run("document.querySelector('#curves button').click()")
        self.browser.settle()
        self.assertEqual(self.browser.run("document.querySelector('.axes .title').textContent"), "hours")
        self.assertEqual(self.browser.run(POINTS)["Validation accuracy"], {"run1": 12, "run2": 14, "run3": 16})
        self.open(*runs, width=360, dark=True, touch=True)
        self.keep("compare_ten_phone")
        broken = "[...document.querySelectorAll('.results .run-name > span')].filter(each => each.offsetHeight > 30).map(each => each.textContent)"
        self.assertEqual(self.browser.run(broken), [])
        self.assertEqual(self.browser.run(LOW_CONTRAST), [])

    def best(self, run):
        """The judged accuracy of the best epoch, and that epoch."""
        epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        best = max(epochs, key=lambda each: each.get("ema_val_accuracy", each["val_accuracy"]))
        return best.get("ema_val_accuracy", best["val_accuracy"]), best["epoch"]

    def rows(self):
        heads, *rows = self.table("Runs")
        return {row[0]: dict(zip(heads, row)) for row in rows}

    def bold(self):
        return self.browser.run("[...document.querySelectorAll('.results strong')].map(each => each.closest('tr').cells[0].innerText.trim().split('\\n')[0])")

    def test_the_best_of_a_run_is_that_of_the_model_that_is_kept(self):
        runs = [write_run(self.root / name, epochs=9, lr=lr, ema=ema) for name, lr, ema in (("a", 0.1, True), ("b", 0.05, False))]
        self.open(*runs)
        rows = self.rows()
        for run, weights in zip(runs, ("averaged", "plain")):
            accuracy, epoch = self.best(run)
            row = rows[run.name]
            self.assertEqual((row["best val accuracy"], row["at epoch"]), (f"{100 * accuracy:.2f}% {weights} weights", str(epoch)))
        self.assertEqual(self.bold(), [max(runs, key=self.best).name])
        self.assertIn("Of the averaged weights where a run averages them.", self.chart("Validation accuracy"))
        self.assertEqual(self.browser.run(POINTS)["Validation accuracy, plain weights"], {"a": 9, "b": 9})

    def test_seeds_have_a_mean_and_a_range_and_their_own_curves_where_they_are_asked_for(self):
        runs = [write_run(self.root / f"{name}-seed-{seed}", epochs=8 + (seed == 2), planned=12, seed=seed, lr=lr, ended="max-steps")
                for name, lr in (("low", 0.05), ("high", 0.1)) for seed in (1, 2, 3)]
        failed = write_run(self.root / "low-seed-4", epochs=2, planned=12, seed=4, lr=0.05, ended="failed",
                           failure={"sentence": "the loss is not finite", "epoch": 3, "step": 1600})
        self.open(*runs, failed)
        self.keep("seeds")
        rows = self.rows()
        low = rows["low mean and range of 3 seeds"]
        bests = [self.best(run)[0] for run in runs[:3]]
        self.assertEqual(low["best val accuracy"],
                         f"{100 * statistics.mean(bests):.2f}% {100 * min(bests):.2f}%–{100 * max(bests):.2f}%")
        self.assertEqual(low["state"], "3 stopped, 1 failed")
        self.assertIn("high mean and range of 3 seeds", rows)
        self.assertEqual(rows["low-seed-4"]["state"], "failed")
        self.assertEqual(rows["low-seed-1"]["state"], "stopped by --max-steps")
        self.assertEqual(self.browser.run("document.querySelector('.banner').innerText").split("\n"),
                         ["low-seed-4 failed in epoch 3, step 1,600", "the loss is not finite"])
        means = [statistics.mean(self.best(run)[0] for run in group) for group in (runs[:3], runs[3:])]
        self.assertEqual(sorted(self.bold()), sorted([("low", "high")[means[1] > means[0]], max(runs, key=self.best).name]))

        # The mean ends where the first of the seeds that count has ended.
        self.assertEqual(self.browser.run(POINTS)["Validation accuracy"], {"low, mean of 3": 8, "high, mean of 3": 8, "low-seed-4": 2})
        self.browser.run("document.querySelector('.chart > svg').focus()")
        for _ in range(5):
            self.browser.press("ArrowRight")
        values = [100 * json.loads((run / "metrics.jsonl").read_text().splitlines()[4])["ema_val_accuracy"] for run in runs[:3]]
        self.assertIn(f"low, mean of 3\n{statistics.mean(values):.2f}% {min(values):.2f}%–{max(values):.2f}%", self.browser.run(TIP))
        self.assertEqual(self.browser.run("document.querySelectorAll('.chart')[0].querySelectorAll('path.range').length"), 2)

        # What the reader has chosen stays: a hidden curve, the log scale, the smoothing.
        self.browser.run("document.querySelector('.legend button').click()")
        self.browser.run("document.querySelector('.slider input').focus()")
        self.browser.press("End")
        buttons = "[...document.querySelectorAll('#curves .controls button')]"
        self.assertEqual(self.browser.run(f"{buttons}.map(each => each.textContent)"), ["over hours, not epochs", "each seed, too"])
        self.browser.run(f"{buttons}[1].click()")
        self.browser.settle()
        points = self.browser.run(POINTS)["Validation accuracy"]
        self.assertEqual(points, {"high, mean of 3": 8, "low-seed-4": 2} | {run.name: len((run / "metrics.jsonl").read_text().splitlines()) for run in runs})
        self.keep("seeds_single")
        self.browser.run(f"{buttons}[0].click()")
        self.browser.settle()
        self.assertEqual(self.browser.run("document.querySelector('.axes .title').textContent"), "hours")
        self.assertNotIn("low, mean of 3", self.browser.run(POINTS)["Validation accuracy"])
        self.assertEqual(self.browser.run("document.querySelector('.slider output').textContent"), "0.99")
        self.assertGreater(self.browser.run("document.querySelectorAll('path.raw').length"), 10)

        # One column for a group in the settings that differ.
        heads, *settings = self.table("Settings that differ")
        self.assertEqual(heads, ["setting", "low", "high"])
        self.assertIn(["seed", "1, 2, 3, 4", "1, 2, 3"], settings)
        self.assertIn(["phase.1.lr", "0.05", "0.1"], settings)
        self.open(*runs, failed, width=390, dark=True, touch=True)
        self.keep("seeds_phone_dark")
        self.assertEqual(self.browser.run(LOW_CONTRAST), [])

    def test_runs_that_differ_in_more_than_the_seed_or_in_nothing_are_no_group(self):
        runs = [write_run(self.root / "a", epochs=3, seed=1), write_run(self.root / "b", epochs=3, seed=2, lr=0.05),
                write_run(self.root / "c", epochs=3, seed=1), write_run(self.root / "d", epochs=3, seed=2, images=90000)]
        self.open(*runs)
        self.assertEqual(list(self.rows()), ["a", "b", "c", "d"])
        self.assertNotIn("each seed, too", self.text())

    def test_other_data_are_said_and_ranked_apart(self):
        runs = [write_run(self.root / "a", epochs=8, data="flowers"), write_run(self.root / "b", epochs=8, data="flowers", lr=0.05),
                write_run(self.root / "c", epochs=8, data="birds", images=50000), write_run(self.root / "d", epochs=8, data="flowers", classes=50)]
        self.open(*runs)
        self.keep("data")
        banner = self.browser.run("document.querySelector('.banner').innerText")
        self.assertIn("These runs are not of the same data", banner)
        for part in ("A: Tiny-ImageNet-200, flowers, 200 classes", "(a, b)", "50,000 training images", "(c)", "50 classes", "(d)"):
            self.assertIn(part, banner)
        self.assertEqual([row["data"] for row in self.rows().values()],
                         ["A flowers 100,000 + 10,000 images, 200 classes"] * 2
                         + ["B birds 50,000 + 10,000 images, 200 classes", "C flowers 100,000 + 10,000 images, 50 classes"])
        self.assertEqual(self.bold(), [max(runs[:2], key=self.best).name])
        self.open(*runs[:2])
        self.assertFalse(self.browser.run("document.querySelector('.banner') !== null"))
        self.assertEqual([row["data"] for row in self.rows().values()], ["flowers 100,000 + 10,000 images, 200 classes"] * 2)

    def test_other_keys_are_compared_as_a_whole(self):
        runs = [write_run(self.root / name, epochs=3) for name in ("a", "b")]
        recipe = (runs[1] / "recipe.toml").read_text()
        (runs[1] / "recipe.toml").write_text(recipe.replace('{ base_lr = 0.01, kind = "cyclic", max_lr = 0.1, per = "batch" }',
                                                            '{ kind = "cosine", per = "batch" }', 1)
                                             .replace("brightness = 0.5", "brightness = 0.25"))
        self.open(*runs)
        _, *settings = self.table("Settings that differ")
        self.assertEqual(settings, [
            ["phase.1.scheduler", '{ base_lr = 0.01, kind = "cyclic", max_lr = 0.1, per = "batch" }', '{ kind = "cosine", per = "batch" }'],
            ["transforms.augment.2.brightness", "0.5", "0.25"]])

    def test_runs_without_an_epoch_are_compared_by_their_steps(self):
        runs = [write_run(self.root / "a", epochs=0, planned=5, begun=0.5),
                write_run(self.root / "b", epochs=0, planned=5, begun=0.25, lr=0.05, ended="failed",
                          failure={"sentence": "the loss is not finite", "epoch": 1, "step": 190})]
        self.open(*runs)
        self.keep("compare_without_epochs")
        points = self.browser.run(POINTS)
        self.assertEqual(points["Training loss"], {"a": 30, "b": 15})
        self.assertEqual(points["Gradient norm"], {"a": 30, "b": 15})
        self.assertEqual([row["state"] for row in self.rows().values()], ["running", "failed"])
        (runs[0] / "metrics.jsonl").write_text("}{\n")
        self.open(*runs)
        self.assertIn("Of a could not be read, and is left out: metrics.jsonl, line 1", self.text())
        bare = self.root / "bare"
        bare.mkdir()
        (bare / "run.json").write_text('{"model": 3, "failure": [], "ended": {}, "classes": "x", "image_hashes": 1}')
        self.open(runs[0], bare)
        self.open(bare, runs[1], width=390)
