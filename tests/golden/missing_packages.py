"""Imported before them: a package that is not installed ends the script with one sentence and exit code 2."""

import importlib.util
import os
import sys

# What a script imports, and what pip calls it.
PACKAGES = {"PIL": "pillow", "numpy": "numpy", "onnx": "onnx", "onnxruntime": "onnxruntime", "safetensors": "safetensors",
            "tensorboard": "tensorboard", "torch": "torch", "torchvision": "torchvision"}


def tell(kind, error, trace):
    package = (error.name or "").partition(".")[0] if issubclass(kind, ModuleNotFoundError) else ""
    if package not in PACKAGES:
        sys.__excepthook__(kind, error, trace)
        return
    script = os.path.basename(sys.argv[0]).removesuffix(".py")
    print(f"{script}: the Python package {package} is not installed: pip install {PACKAGES[package]}", file=sys.stderr)
    sys.exit(2)


def require(*packages):
    """For a script that starts others which need them: now, and not after half of its work."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(name=package)


sys.excepthook = tell
