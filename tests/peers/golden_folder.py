"""Puts tests/golden on Python's path, whose modules these scripts use; the first is what tells of missing packages."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import missing_packages  # noqa: E402, F401
