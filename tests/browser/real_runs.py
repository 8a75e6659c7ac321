"""Pages of what train really writes: tiny runs, with averaged weights and without, stopped and failed ones."""

import json
import math
import pathlib
import shutil
import subprocess

from made_up_run import png, write_run
from page_test import LOW_CONTRAST, POINTS, STATE, PageTest, arguments

COLOURS = {"fire": (140, 120, 115), "sea": (115, 122, 140), "wood": (118, 136, 118)}


def write_images(folder, classes=COLOURS):
    """Three classes that differ a little in colour under waves, 20 training and 8 validation images of 16 pixels each."""
    for part, count in (("train", 20), ("val", 8)):
        for name, colour in classes.items():
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                wave = lambda x, y: 90 * math.sin(0.7 * x * (1 + i % 3) + 0.5 * y * (1 + i % 4) + i)
                image = png(16, 16, lambda x, y: [max(0, min(255, int(c + wave(x, y) * (1 + (7 * i + 3 * k) % 5) / 3))) for k, c in enumerate(colour)])
                (folder / part / name / f"{part}{i}.png").write_bytes(image)


def keys_of(folder, file):
    """The keys of an object's file, or of all lines of a log."""
    text = (folder / file).read_text()
    return set(json.loads(text)) if file.endswith(".json") else {key for line in text.splitlines() for key in json.loads(line)}


class RealRuns(PageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = pathlib.Path(cls.folder.name) / "images"
        write_images(cls.images)

    def train(self, name, *more, data=None, code=0):
        """The run's folder, and what train said."""
        command = [arguments.report.parent / "train", "--data", data or self.images, "--cache", self.images.parent / "cache",
                   "--image-size", "16", "--threads", "1", "--batch-size", "12", "--quiet", "--out", self.root / name, *more]
        ended = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        self.assertEqual(ended.returncode, code, ended.stderr)
        return self.root / name, ended.stdout + ended.stderr

    def kept(self, run):
        """What best.safetensors says of itself: accuracy, epoch, whether its weights are averaged ones."""
        with open(run / "best.safetensors", "rb") as file:
            about = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
        return float(about["val_accuracy"]), int(about["epoch"]), about["weights"] == "averaged"

    def test_the_best_is_that_of_best_safetensors_and_of_the_command_line(self):
        for name, more in (("plain", ()), ("averaged", ("--set", "training.ema_decay=0.6"))):
            with self.subTest(name):
                run, said = self.train(name, "--epochs", "3", "--lr", "0.01", "--schedule", "constant", *more)
                accuracy, epoch, averaged = self.kept(run)
                self.assertEqual(averaged, name == "averaged")
                self.assertIn(f"{accuracy:.4f} at epoch {epoch}", said)
                self.assertEqual(json.loads((run / "validation.json").read_text())["epoch"], epoch)
                self.open(run)
                self.keep(f"real_{name}")
                tile = self.browser.run("document.querySelector('.tile').innerText.replace(/\\s+/g, ' ')")
                self.assertTrue(tile.startswith(f"Best accuracy {100 * accuracy:.2f}% epoch {epoch}, validation"), tile)
                self.assertEqual("averaged weights" in tile, averaged)
                self.assertIn(f"best {100 * accuracy:.2f}%", self.chart("Accuracy"))
                self.assertIn(f"after epoch {epoch}", self.text())
                self.assertIn("the model that is kept as best", self.text())
                curves = {"training": 3, "validation": 3} | ({"validation, averaged weights": 3} if averaged else {})
                self.assertEqual(self.browser.run(POINTS)["Accuracy"], curves)
                self.assertEqual(self.browser.run(STATE), "finished")
                self.assertEqual(self.browser.run(LOW_CONTRAST), [])
                mine = self.browser.run("document.getElementById('main').innerText")
                self.browser.open(run / "report.html")  # as train has written it
                self.assertEqual(self.browser.run("document.getElementById('main').innerText"), mine)

    def test_made_up_runs_have_no_file_and_no_key_that_train_does_not_write(self):
        real, _ = self.train("real", "--epochs", "2", "--model", "mobilenet_v2", "--width-mult", "0.25", "--watch", "2", "--set", "training.ema_decay=0.9",
                             "--set", "training.clip_norm=5", "--set", "transforms.augment=[{ op = \"random_horizontal_flip\" }]")
        made_up = write_run(self.root / "made_up", epochs=2, classes=3, watched=4)
        files = {file.name for file in made_up.iterdir()}
        self.assertLessEqual(files, {file.name for file in real.iterdir()})
        for file in files - {"preview.png", "recipe.toml"}:
            with self.subTest(file):
                self.assertLessEqual(keys_of(made_up, file), keys_of(real, file))

    def test_a_run_stopped_in_its_first_epoch_shows_its_steps(self):
        run, _ = self.train("run", "--epochs", "2", "--max-steps", "3")
        self.open(run)
        self.keep("real_three_steps")
        self.assertEqual(self.browser.run(POINTS)["Loss"], {"batches": 3})
        self.assertIn("the curves are those of single steps", self.text())

    def test_seeds_of_one_recipe_are_a_group_and_other_images_are_other_data(self):
        runs = [self.train(f"seed-{seed}", "--epochs", "2", "--seed", seed)[0] for seed in (1, 2)]
        self.open(*runs)
        self.assertIn("mean and range of 2 seeds", self.text())
        self.assertNotIn("not of the same data", self.text())
        others = self.images.parent / "others"
        write_images(others, {name: COLOURS[name] for name in ("fire", "sea")})
        self.open(*runs, self.train("others", "--epochs", "2", data=others)[0])
        self.keep("real_data")
        self.assertIn("These runs are not of the same data", self.text())
        self.assertIn("the classes", self.text())

    def banner(self):
        return self.browser.run("(each => each && each.innerText.split('\\n'))(document.querySelector('.banner'))")

    def test_a_run_that_diverges_shows_the_sentence_that_the_terminal_had(self):
        for name, more, epochs in (("at_once", ("--lr", "1e30", "--schedule", "constant", "--epochs", "2"), 0),
                                   ("later", (self.two_phases(), ), 1)):
            with self.subTest(name):
                run, said = self.train(name, *more, code=1)
                failure = json.loads((run / "run.json").read_text())["failure"]
                self.assertIn(failure["sentence"], said)
                for page in ("anew", "as train has left it"):
                    self.open(run) if page == "anew" else self.browser.open(run / "report.html")
                    self.assertEqual(self.banner(), [f"The run failed in epoch {failure['epoch']}, step {failure['step']}", failure["sentence"]])
                    self.assertEqual(self.browser.run(STATE), "failed")
                    self.assertEqual(self.browser.run(POINTS).get("Accuracy", {}).get("validation", 0), epochs)
                    self.assertGreater(self.browser.run(POINTS)["Gradient norm"]["batches"], 0)
                self.keep(f"real_failed_{name}")

    def two_phases(self):
        recipe = self.root / "recipe.toml"
        recipe.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text('[[phase]]\nname = "calm"\nepochs = 1\nlr = 0.05\n[[phase]]\nname = "wild"\nepochs = 1\nlr = 1e30\n')
        return recipe

    def test_every_way_to_end_is_on_the_page(self):
        for name, more, state in (("steps", ("--epochs", "3", "--max-steps", "7"), "stopped by --max-steps"),
                                  ("minutes", ("--epochs", "3", "--max-minutes", "1e-9"), "stopped by --max-minutes"),
                                  ("early", ("--epochs", "40", "--set", "training.early_stopping=1"), "finished by early stopping")):
            with self.subTest(name):
                run, _ = self.train(name, *more)
                self.open(run)
                self.assertEqual(self.browser.run(STATE), state)
                self.assertIsNone(self.banner())

    def test_seeds_that_hold_out_other_images_are_a_group_and_the_page_says_so(self):
        folder = self.images.parent / "whole"
        write_images(folder)
        shutil.rmtree(folder / "val")
        runs = [self.train(f"seed-{seed}", "--epochs", "2", "--seed", seed, data=folder / "train")[0] for seed in (1, 2)]
        self.open(*runs)
        self.keep("real_split")
        self.assertIn("mean and range of 2 seeds", self.text())
        self.assertIn("what differs is which images are held out for validation", self.banner()[1])
