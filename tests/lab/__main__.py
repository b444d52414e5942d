"""`python -m tests.lab [--healthy N] [--seeds N]`: how the engine does on the laboratory, as a table."""

from __future__ import annotations

import argparse
from collections import Counter

from tests.lab.measure import alarms


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.lab", description="measures the diagnosis")
    options.add_argument("--healthy", type=int, default=2000, help="healthy conversations (2000)")
    given = options.parse_args()
    found = alarms(range(given.healthy))
    print(f"{given.healthy} healthy conversations: {len(found)} errors or warnings in {len({a.seed for a in found})}")
    for code, count in Counter(alarm.finding.code for alarm in found).most_common():
        print(f"  {code} {count} times, as {next(alarm for alarm in found if alarm.finding.code == code)}")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
