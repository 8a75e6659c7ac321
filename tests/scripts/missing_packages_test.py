"""Scripts say in one sentence which Python package is missing, and end with code 2.

Each script of the repository that needs more than Python itself is started without any package (python -S): each of the
packages that it may ask for is then stood in for by an empty one, until it has asked for all.
"""

import ast
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = {"PIL": "pillow", "numpy": "numpy", "onnx": "onnx", "onnxruntime": "onnxruntime", "safetensors": "safetensors",
            "tensorboard": "tensorboard", "torch": "torch", "torchvision": "torchvision"}
MODULES = "image_kinds"  # a folder of modules that compare_images.py loads, and nobody runs


def scripts():
    return sorted(path for folder in ("tools", "lab", "tests") for path in (ROOT / folder).rglob("*.py"))


def imported(path):
    """The packages that are imported at the top of a file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def needs_packages(path):
    return bool(imported(path) & PACKAGES.keys())


def run(path, *arguments, packages=None):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    if packages is not None:
        environment["PYTHONPATH"] = str(packages)
    return subprocess.run([sys.executable, "-S", str(path), *arguments], capture_output=True, text=True, env=environment,
                          timeout=60)


class MissingPackages(unittest.TestCase):
    def test_no_script_imports_what_this_test_does_not_know(self):
        own = {path.stem for path in scripts()}
        for path in scripts():
            with self.subTest(script=str(path.relative_to(ROOT))):
                strange = imported(path) - set(sys.stdlib_module_names) - own - PACKAGES.keys()
                self.assertEqual(strange, set())

    def test_a_missing_package_is_a_sentence_and_code_2(self):
        asking = [path for path in scripts() if needs_packages(path) and path.parent.name != MODULES]
        self.assertGreater(len(asking), 20)
        for path in asking:
            with self.subTest(script=str(path.relative_to(ROOT))):
                result = run(path)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertEqual(result.stdout, "")
                self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
                self.assertTrue(result.stderr.startswith(f"{path.stem}: "), result.stderr)
                self.assertTrue(any(f"{package} is not installed" in result.stderr for package in PACKAGES), result.stderr)

    def test_the_package_that_is_named_is_the_missing_one(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "numpy.py").write_text("")
            drawing = run(ROOT / "tools/make_image_folder.py", f"{folder}/images", packages=folder)
            self.assertIn("PIL is not installed", drawing.stderr)
            self.assertEqual(drawing.returncode, 2)
            golden = run(ROOT / "tests/golden/make_augment.py", packages=folder)
            self.assertEqual(golden.stderr, "make_augment: the Python package PIL is not installed: pip install pillow\n")
            self.assertEqual(golden.returncode, 2)

    def test_what_starts_others_says_so_at_once(self):
        for name in ("compare_curves", "compare_steps"):
            result = run(ROOT / f"tests/peers/{name}.py")
            self.assertEqual((result.returncode, result.stderr),
                             (2, f"{name}: the Python package torch is not installed: pip install torch\n"))

    def test_other_mistakes_keep_their_traceback(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "script.py"
            script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT / 'tests/golden')!r})\nimport missing_packages\n"
                              "import no_such_module_of_ours\n")
            result = run(script)
            self.assertEqual(result.returncode, 1)
            self.assertIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
