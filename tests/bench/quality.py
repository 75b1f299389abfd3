"""Print every table of detection quality: ``python -m tests.bench.quality``.

Draws are fresh in every run unless ``--seed`` says which; the seed stands in the first line.
"""

from __future__ import annotations

import argparse

import numpy as np

from tests.bench import (
    alarms,
    calibration,
    clusters,
    correlations,
    cost,
    laws,
    phases,
    whole_pass,
)

TABLES = {
    "whole_pass": whole_pass.print_tables,
    "phases": phases.print_tables,
    "clusters": clusters.print_tables,
    "correlations": correlations.print_tables,
    "laws": laws.print_tables,
    "alarms": alarms.print_tables,
    "calibration": calibration.print_tables,
    "cost": cost.print_tables,
}


def main() -> None:
    """Print the tables that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20, help="windows a cell (default: 20)")
    parser.add_argument("--seed", type=int, help="of the draws; fresh by default")
    parser.add_argument("--only", choices=TABLES, action="append", help="may be repeated")
    asked = parser.parse_args()
    seed = asked.seed
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}, {asked.draws} draws a cell")
    for name in asked.only or TABLES:
        TABLES[name](asked.draws, seed)


if __name__ == "__main__":
    main()
