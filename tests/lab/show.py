"""`python -m tests.lab.show FAULT [FAULT] SEED [--late] [--gateway] [--hex]`: one conversation of the laboratory, message by message,
and what the engine says of it. The seed of a healthy one stands alone."""

from __future__ import annotations

import argparse

from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.report.summary import summary
from tests.lab.conversation import talk_of
from tests.lab.faults import FAULTS, every_fault, talk_with


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.lab.show")
    options.add_argument("faults", nargs="*", help="names of faults as `python -m tests.lab` prints them")
    options.add_argument("seed", type=int)
    options.add_argument("--late", action="store_true", help="late in a long conversation")
    options.add_argument("--gateway", action="store_true", help="behind a gateway")
    options.add_argument("--hex", action="store_true", help="the octets as well")
    given = options.parse_args()
    every_fault()
    more = {"gateway": True} if given.gateway else {}
    chosen = [FAULTS[name] for name in given.faults]
    talk = talk_with(given.seed, *chosen, late=given.late, **more) if chosen else talk_of(given.seed)
    trace, ring = talk.play(), talk.ring()
    messages = list(decode(trace, ring))
    for message in messages:
        said = message.security.verdict if message.security is not None else ""
        print(f"{message.number:4} {message.direction:7} {summary(message)[:110]}  {said}")
        if given.hex:
            print("     " + message.wire.hex(" "))
    for finding in diagnose([(trace, messages)], ring)[0].findings:
        why = f" because of {finding.because_of}" if finding.because_of else ""
        print(f"{finding.code} ({finding.severity}, {finding.certainty}) message {finding.message}{why}")
        for text in finding.evidence:
            print(f"    {text}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
