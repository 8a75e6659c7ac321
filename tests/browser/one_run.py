"""The page of one run: curves, values under pointer, finger and keys, what is shown of runs that have just begun or failed."""

import json
import pathlib
import re

from made_up_run import HOSTILE, write_run
from page_test import LOW_CONTRAST, POINTS, STATE, TIP, PageTest, arguments


class OneRun(PageTest):
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
                for curve in ("training", "validation", "validation, averaged weights"):
                    self.assertEqual((points["Loss"][curve], points["Accuracy"][curve]), (30, 30))
                self.assertEqual(points["Top-5 accuracy"], {"validation": 30, "validation, averaged weights": 30})
                self.assertGreater(points["Loss"]["batches"], 1000)
                self.assertEqual(points["Gradient norm"]["mean of the epoch"], 30)
                self.assertGreater(points["Gradient norm"]["batches"], 1000)
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
        for key in ("train_accuracy", "val_accuracy", "ema_val_accuracy"):
            self.assertIn(f"{100 * metrics[epoch - 1][key]:.2f}%", tip)
        self.assertEqual(self.browser.run("document.querySelectorAll('.cursor line').length"), 8, "a line through every chart")
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
        chart = "[...document.querySelectorAll('.chart')].find(each => each.querySelector('h3').textContent === 'Learning rate')"
        path = f"{chart}.querySelector('.series path').getAttribute('d')"
        before = self.browser.run(path)
        self.browser.run(f"{chart}.querySelector('button').click()")
        self.assertNotEqual(self.browser.run(path), before)
        self.assertGreater(self.browser.run(f"{chart}.querySelectorAll('.axes text.end:not(.title)').length"), 2)
        self.keep("log")
        self.browser.run("document.querySelector('.legend button').click()")
        self.assertNotIn("training", self.browser.run(POINTS)["Loss"])

    def test_the_slider_smooths_curves_but_not_schedules_and_leaves_the_raw_ones(self):
        run = write_run(self.root / "run", epochs=30)
        losses = [json.loads(line)["train_loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.open(run)
        path = "document.querySelector('[data-name=\"%s\"] path.%s').getAttribute('d')"
        loss, rate = (self.browser.run(path % (name, "line")) for name in ("training", "learning rate"))
        self.browser.run("document.querySelector('.slider input').focus()")
        for _ in range(80):
            self.browser.press("ArrowRight")
        self.assertEqual(self.browser.run("document.querySelector('.slider output').textContent"), "0.80")
        self.assertNotEqual(self.browser.run(path % ("training", "line")), loss)
        self.assertEqual(self.browser.run(path % ("training", "raw")), loss)
        self.assertEqual(self.browser.run(path % ("learning rate", "line")), rate)
        before = share = 0.0
        for value in losses[:20]:
            before, share = 0.8 * before + 0.2 * value, 0.8 * share + 0.2
        self.browser.run("document.querySelector('.chart > svg').focus()")
        for _ in range(20):
            self.browser.press("ArrowRight")
        tip = self.browser.run(TIP)
        self.assertIn("epoch 20 ", tip)
        shown = re.search(r"training\s+([\d.]+) smoothed ([\d.]+)", tip)
        self.assertAlmostEqual(float(shown[1]), losses[19], delta=1e-3)
        self.assertAlmostEqual(float(shown[2]), before / share, delta=1e-3)
        self.keep("smoothed")
        self.browser.run("document.querySelector('.slider input').focus()")
        self.browser.press("Home")
        self.assertEqual(self.browser.run(path % ("training", "line")), loss)

    def test_there_is_one_best_that_of_the_model_that_is_kept(self):
        for ema in (True, False):
            with self.subTest(ema=ema):
                run = write_run(self.root / f"run{ema}", epochs=12, ema=ema)
                epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
                for line in epochs:  # the plain weights are best early, the averaged ones twice, and late
                    line["val_accuracy"] = 0.9 if line["epoch"] == 3 else 0.5
                    if ema:
                        line["ema_val_accuracy"] = 0.8125 if line["epoch"] in (7, 9) else 0.4
                (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in epochs))
                mistakes = json.loads((run / "validation.json").read_text()) | {"epoch": 7 if ema else 3}
                (run / "validation.json").write_text(json.dumps(mistakes))
                self.open(run)
                accuracy, epoch = ("81.25%", 7) if ema else ("90.00%", 3)
                tile = self.browser.run("document.querySelector('.tile').innerText.replace(/\\s+/g, ' ')")
                self.assertTrue(tile.startswith(f"Best accuracy {accuracy} epoch {epoch}, validation"), tile)
                self.assertEqual("averaged weights plain weights: 90.00%, epoch 3" in tile, ema)
                self.assertIn(f"best {accuracy}", self.chart("Accuracy"))
                self.assertEqual(f"best {accuracy}, averaged weights" in self.chart("Accuracy"), ema)
                title = self.browser.run("document.title")
                self.assertTrue(title.startswith(f"{accuracy} (averaged weights) · " if ema else f"{accuracy} · "), title)
                self.assertIn(f"after epoch {epoch}{', by the averaged weights' if ema else ''}: the model that is kept as best.",
                              self.text())
                (run / "validation.json").write_text(json.dumps(mistakes | {"epoch": 12}))
                self.open(run)
                self.assertIn(f"The best epoch was {epoch}.", self.text())

    def test_a_run_that_failed_says_why(self):
        sentence = "the loss of step 12,345 is not finite: the first op that made it so is conv <1>; try a lower learning rate"
        failure = {"sentence": sentence, "epoch": 6, "step": 4321}
        for width, dark in ((1200, False), (390, True)):
            self.open(write_run(self.root / "run", epochs=5, planned=30, begun=0.53, failure=failure, ended="failed"), width=width, dark=dark)
            self.keep(f"failed_{width}")
            self.assertEqual(self.browser.run(STATE), "failed")
            self.assertEqual(self.browser.run("document.querySelector('.banner').innerText").split("\n"),
                             ["The run failed in epoch 6, step 4,321", sentence])
            self.assertTrue(self.browser.run("document.title").startswith("failed · "))
            self.assertNotIn("running", self.browser.run("document.getElementById('head').innerText"))
            self.assertNotIn(" left", self.browser.run("document.querySelector('.tiles').innerText"))
            self.assertIn("failed", self.chart("Loss"))
            self.assertEqual(self.browser.run(LOW_CONTRAST), [])

    def test_a_run_without_any_epoch_shows_its_steps(self):
        failure = {"sentence": "the loss is not finite", "epoch": 1, "step": 210}
        self.open(write_run(self.root / "failed", epochs=0, planned=30, begun=0.25, failure=failure, ended="failed"))
        self.keep("failed_early")
        points = self.browser.run(POINTS)
        for chart, curve in (("Loss", "batches"), ("Learning rate", "learning rate"), ("Gradient norm", "batches")):
            self.assertEqual(points[chart], {curve: 15})
        self.assertIn("The run failed before its first epoch had ended: the curves are those of single steps.", self.text())
        self.assertIn("195 of 23,430", self.browser.run("document.querySelector('.tiles').innerText.replace(/\\s+/g, ' ')"))
        self.assertEqual(self.headings(), ["Curves", "Augmentation", "Recipe", "Run and machine"])
        self.open(write_run(self.root / "at_once", epochs=0, planned=30, failure={"sentence": "it is not finite"}))
        self.assertIn("The run failed before its first epoch had ended: there are no curves.", self.text())
        self.assertEqual(self.browser.run(STATE), "failed")
        self.assertEqual(self.browser.run("document.querySelector('.banner').innerText").split("\n"), ["The run failed", "it is not finite"])

    def test_every_way_to_end_has_its_state_and_rubbish_has_none(self):
        for ended, state in (("finished", "finished"), ("early stopping", "finished by early stopping"),
                             ("max-steps", "stopped by --max-steps"), ("max-minutes", "stopped by --max-minutes"),
                             ("interrupted", "interrupted"), ("failed", "failed"), (None, "running"), ("?", "running"),
                             ("__proto__", "running"), ({"a": [1]}, "running"), (7, "running")):
            with self.subTest(ended=ended):
                self.open(write_run(self.root / "run", epochs=2, planned=9, ended=ended))
                self.assertEqual(self.browser.run(STATE), state)
                self.assertEqual(" left" in self.browser.run("document.querySelector('.tiles').innerText"), state == "running")
        for failure in ("text", 3, [], {"sentence": 5}, {"sentence": None, "epoch": "x", "step": {}}, {"sentence": ""}):
            with self.subTest(failure=failure):
                self.open(write_run(self.root / "run", epochs=2, planned=9, failure=failure))
                self.assertEqual(self.browser.run(STATE), "running")
                self.assertFalse(self.browser.run("document.querySelector('.banner') !== null"))
                self.open(write_run(self.root / "run", epochs=2, planned=9, failure=failure, ended="failed"))
                self.assertTrue(self.browser.run("document.querySelector('.banner').innerText").startswith("The run failed"))

    def test_weights_of_classes_are_told_with_the_loss_and_among_the_facts(self):
        run = write_run(self.root / "weighted", epochs=4, classes=3)
        about = json.loads((run / "run.json").read_text())
        about |= {"class_weights": [0.525, 10.5, 1], "sampling_weights": [2, 0, 0.25]}
        (run / "run.json").write_text(json.dumps(about))
        self.open(run)
        self.assertIn("In the training loss each class has its weight, in the validation loss all count alike.", self.chart("Loss"))
        names = about["classes"]
        facts = self.browser.run("[...document.querySelectorAll('#machine dd')].map(each => each.textContent)")
        self.assertIn(f"0.525 ({names[0]}) to 10.5 ({names[1]})", facts)
        self.assertIn(f"0 ({names[1]}) to 2 ({names[0]})", facts)

    def test_charts_fill_their_rows_and_tell_what_is_mixed(self):
        self.open(write_run(self.root / "run", epochs=4, classes=3, ema=False))
        titles = self.browser.run("[...document.querySelectorAll('#curves h3')].map(each => each.textContent)")
        self.assertEqual(titles, ["Loss", "Accuracy", "Learning rate", "Momentum", "Gradient norm"])  # open() looks for holes
        self.assertNotIn("mixed", self.chart("Accuracy"))
        self.assertIn("The training loss has targets smoothed by 0.1", self.chart("Loss"))
        run = write_run(self.root / "mixed", epochs=4, mixup=0.2)
        self.open(run)
        self.assertIn("Training images are mixed (mixup 0.2):", self.chart("Accuracy"))
        self.keep("mixed")
        (run / "recipe.toml").unlink()  # the transforms say it, too
        self.open(run)
        self.assertIn("Training images are mixed (mixup 0.2):", self.chart("Accuracy"))

    def test_ticks_can_be_told_apart_where_values_hardly_differ(self):
        run = write_run(self.root / "run", epochs=6)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for span in (1e-2, 1e-3, 1e-4, 0.0):
            with self.subTest(span=span):
                for i, line in enumerate(lines):
                    line |= {"val_top5": 0.996 + span * i / 8, "ema_val_top5": 0.996, "val_loss": 3 + span * i}
                (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
                (run / "timing.jsonl").write_text("".join(json.dumps({"epoch": i, "images_per_second": 2000 + 300 * span * i}) + "\n"
                                                          for i in range(1, 7)))
                self.open(run)
                for texts in self.browser.run("""[...document.querySelectorAll('.chart')].map(chart =>
                        [...chart.querySelectorAll('.axes .end:not(.title)')].map(each => each.textContent))"""):
                    self.assertEqual(len(set(texts)), len(texts), texts)

    def test_ticks_can_be_told_apart_where_a_loss_exploded(self):
        run = write_run(self.root / "run", epochs=0, planned=30, begun=0.25, failure={"sentence": "x", "step": 210}, ended="failed")
        steps = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
        (run / "steps.jsonl").write_text("".join(json.dumps(step | {"loss": 10.0 ** (2 * i)}) + "\n" for i, step in enumerate(steps)))
        self.open(run)
        heights = sorted(self.browser.run("""[...[...document.querySelectorAll('.chart')]
            .find(each => each.querySelector('h3').textContent === 'Loss').querySelectorAll('.axes .end:not(.title)')]
            .map(each => each.getBoundingClientRect().top)"""))
        self.assertGreater(len(heights), 3)
        self.assertGreater(min(b - a for a, b in zip(heights, heights[1:])), 10)

    def test_a_gradient_norm_with_spikes_starts_on_a_log_scale_and_shows_where_it_is_clipped(self):
        log = "[...document.querySelectorAll('.chart')].find(each => each.querySelector('h3').textContent === 'Gradient norm').querySelector('button').ariaPressed"
        self.open(write_run(self.root / "calm", epochs=10))
        self.assertEqual(self.browser.run(log), "false")
        self.assertIn("clipped to 2.5", self.chart("Gradient norm"))
        run = write_run(self.root / "wild", epochs=10, begun=0.5, planned=20, failure={"sentence": "x", "step": 8300}, ended="failed")
        self.open(run)
        self.assertEqual(self.browser.run(log), "true")

    def test_confusions_have_others_only_where_there_are_and_whole_names_where_there_is_room(self):
        heads = "[...document.querySelectorAll('.confusion thead th')].map(each => each.textContent)"
        cut = ("[...document.querySelectorAll('.confusion th span')].filter(each => each.scrollWidth > each.clientWidth + 1"
               " || each.scrollHeight > each.clientHeight + 1).map(each => each.textContent)")
        long_name = "Cephalopholis_argus_(peacock_hind)"
        for classes, others in ((3, False), (12, False), (40, True)):
            run = write_run(self.root / f"run{classes}", epochs=3, classes=classes)
            settings = json.loads((run / "run.json").read_text())
            settings["classes"] = [f"{long_name}_{i}" for i in range(classes)]
            (run / "run.json").write_text(json.dumps(settings))
            self.open(run)
            self.keep(f"confusion_{classes}")
            self.assertEqual(self.browser.run(heads)[-1] == "others", others)
            self.assertEqual(len(self.browser.run(heads)), min(classes, 12) + others)
            self.assertEqual(self.browser.run(cut), [])
            self.assertEqual("Worst classes" in self.text(), others)

    def test_tables_show_that_they_scroll_on_a_phone(self):
        run = write_run(self.root / "run", epochs=5)
        frames = """[...document.querySelectorAll('.scroll-frame')].filter(each => each.checkVisibility()).map(frame => {
          const inner = frame.querySelector('.scroll'); return [inner.scrollWidth > inner.clientWidth + 1,
            frame.classList.contains('more-right'), frame.classList.contains('more-left'),
            getComputedStyle(frame.querySelector('.hint')).display !== 'none']; })"""
        self.open(run, width=390, touch=True)
        self.keep("phone_390")
        shown = self.browser.run(frames)
        self.assertTrue(any(wide for wide, *_ in shown))
        for wide, right, left, hint in shown:
            self.assertEqual((right, left, hint), (wide, False, wide))
        self.browser.run("for (const each of document.querySelectorAll('.scroll')) each.scrollLeft = 1e6")
        self.browser.settle()
        for wide, right, left, hint in self.browser.run(frames):
            self.assertEqual((right, left, hint), (False, wide, wide))

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
        run = write_run(self.root / "run", epochs=12, planned=50)
        self.open(run)
        self.assertEqual(self.browser.run(STATE), "running")
        metrics = run / "metrics.jsonl"
        *others, last = metrics.read_text().splitlines()
        metrics.write_text("\n".join([*others, json.dumps({**json.loads(last), "ends_run": True})]) + "\n")
        self.open(run)
        self.assertEqual(self.browser.run(STATE), "finished")
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
        self.assertEqual(self.browser.run("document.querySelector('[data-name=validation] path.line').getAttribute('d').match(/M/g).length"), 2)
        self.assertIn("metrics.jsonl, line 11", self.browser.run("document.querySelector('.warning').textContent"))
        self.assertNotIn("Speed", self.headings())
        self.assertNotIn("NaN", self.browser.run("document.getElementById('head').innerHTML + document.getElementById('main').innerHTML"))
        (self.root / "bare").mkdir()
        (self.root / "bare/run.json").write_text('{"classes": 3, "phases": {}, "machine": null, "epochs": "x"}')
        self.open(self.root / "bare")

    def test_it_prints(self):
        self.open(write_run(self.root / "run", epochs=30), dark=True)
        self.browser.on_paper()
        self.assertEqual(self.browser.run("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.assertEqual(self.browser.run(LOW_CONTRAST), [])
        self.browser.print_to(self.root / "page.pdf")
        self.assertGreater((self.root / "page.pdf").stat().st_size, 50_000)
        if arguments.screenshots:
            (pathlib.Path(arguments.screenshots) / "print.pdf").write_bytes((self.root / "page.pdf").read_bytes())
