"""The example captures are what their builder makes, and what their READMEs say of them is true."""

from __future__ import annotations

import re

import pytest

from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from tests.example_captures import CAPTURES, EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_files_are_those_of_the_builder(name: str) -> None:
    assert (CAPTURES / name).read_bytes() == EXAMPLES[name]()


@pytest.mark.parametrize(
    ("name", "messages", "verified", "trace_name"),
    [
        ("wrapper-tcp/session.pcapng", 12, 12, "192.0.2.10:49812 -> 192.0.2.77:4059"),
        ("hdlc-tcp/session.pcap", 12, 0, "192.0.2.10:50110 -> 192.0.2.80:8899"),
        ("usb-serial/session.pcap", 10, 0, "USB 1.5 FTDI"),
    ],
)
def test_what_the_readmes_say(name: str, messages: int, verified: int, trace_name: str) -> None:
    folder = (CAPTURES / name).parent
    keys = KeyRing.from_toml((folder / "keys.toml").read_text("utf-8"))
    (trace,) = open_traces(str(CAPTURES / name))
    decoded = list(decode(trace, keys))
    assert trace.name == trace_name
    assert len(decoded) == messages
    assert [message.direction for message in decoded] == ["client", "meter"] * (messages // 2)
    assert sum(1 for m in decoded if m.security and m.security.verdict == "verified") == verified
    readme = (folder / "README.md").read_text("utf-8")
    assert re.search(rf"\b{messages} messages", readme)
    (diagnosis,) = diagnose([(trace, decoded)], keys)
    assert diagnosis.health == "ok"
    assert {finding.severity for finding in diagnosis.findings} <= {"info"}
