"""`python -m benchmarks.testbed ROWS`: the contest by itself. Progress goes to stderr, the figures as JSON to stdout."""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.testbed.contest import REQUESTS, SEEDS, measure


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.testbed", description=__doc__)
    parser.add_argument("rows", type=Path, help="TAT-QA as JSON lines")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of one training")
    given = parser.parse_args()
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {what}", file=sys.stderr, flush=True)

    print(json.dumps(measure(given.rows, say, seeds=given.seeds, requests=given.requests), indent=2))


if __name__ == "__main__":
    main()
