"""`python -m tests.lab.show FAULT [FAULT] SEED [--form FORM] [--write FILE]`: one conversation of the laboratory,
message by message, and what the engine says of it. The seed of a healthy one stands alone.

Without --form the trace is as it was played; with it, it is written so and read back, as the tables do it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.report.summary import summary
from tests.lab.conversation import talk_of
from tests.lab.faults import FAULTS, every_fault, talk_with
from tests.lab.forms import TEXTS, through, written


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.lab.show")
    options.add_argument("faults", nargs="*", help="names of faults as `python -m tests.lab` prints them")
    options.add_argument("seed", type=int)
    options.add_argument("--late", action="store_true", help="late in a long conversation")
    options.add_argument("--gateway", action="store_true", help="behind a gateway")
    options.add_argument("--prelude", action="store_true", help="after a session of the public client")
    options.add_argument("--form", choices=(*TEXTS, "pcap", "pcapng"), help="write it down like this, and read that")
    options.add_argument("--write", help="a file for what is written down")
    options.add_argument("--hex", action="store_true", help="the octets as well")
    given = options.parse_args()
    every_fault()
    more = {name: True for name in ("gateway", "prelude") if getattr(given, name)}
    chosen = [FAULTS[name] for name in given.faults]
    talk = talk_with(given.seed, *chosen, late=given.late, **more) if chosen else talk_of(given.seed)
    trace, ring = talk.play(), talk.ring()
    if given.form:
        framing = talk.setting.framing or "none"
        if given.write:
            Path(given.write).write_bytes(written([trace], given.form, framing, Random(given.seed)))
        trace = through(trace, given.form, framing, given.seed)
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
