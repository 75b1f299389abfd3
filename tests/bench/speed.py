"""Print every table of speed, as ratios to rivals: ``python -m tests.bench.speed``.

Processor time unless a table says otherwise; medians of several runs in turns.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.bench import commands


def main() -> None:
    """Measure in a temporary directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="default: 1,000,000")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crackle-bench-") as name:
        commands.print_tables(Path(name), asked.events)
        # Only now, so that this process is small while it starts others: they inherit its peak.
        from tests.bench import calls, examined

        calls.print_tables(Path(name))
        examined.print_tables()


if __name__ == "__main__":
    main()
