"""Prints the best of the first seeds for each case of cases.py (see conditioning.py): the seeds to write there.

    python tests/golden/find_seeds.py [CASE …]
"""

import dataclasses
import sys

from cases import CASES
from conditioning import best_seed

SEEDS = range(100)


def main() -> None:
    for case in CASES:
        if case.training and (case.name in sys.argv[1:] or not sys.argv[1:]):
            seed, margin = best_seed(
                case.build(), lambda seed, case=case: dataclasses.replace(case, seed=seed).input(), SEEDS
            )
            print(f"{case.name}: seed {seed}, margin {margin:.1f} rms errors", flush=True)


if __name__ == "__main__":
    main()
