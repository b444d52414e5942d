"""Two faults at once: keys that the analyst typed wrong, and a fault of the conversation itself. Both have to be found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from analyzer.keyring import KeyRing
from tests.lab.faults import FAULTS, every_fault
from tests.lab.measure import diagnosed

Keys = tuple[bytes, bytes]
TYPED: dict[str, Callable[[bytes, bytes], Keys]] = {
    "authentication-key-wrong": lambda ek, ak: (ek, bytes(octet ^ 0x5A for octet in ak)),
    "keys-swapped": lambda ek, ak: (ak, ek),
    "key-reversed": lambda ek, ak: (ek[::-1], ak),
}
OTHERS = (
    "object_that_is_not_there", "no_right_to_write", "written_with_another_type", "answer_with_another_number",
    "service_unknown", "block_lost", "own_challenge", "version_five", "context_that_the_meter_has_not",
    "llc_of_the_meter", "no_llc", "not_captured", "ports_as_in_the_request",
)  # fmt: skip


def pairs(seeds: Iterable[int]) -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
    """(code of the keys, code of the other fault, seed, codes found), where the conversation is ciphered with tags."""
    every_fault()
    for seed in seeds:
        for name in OTHERS:
            for code, typed in TYPED.items():
                trace, ring = FAULTS[name].make(seed)
                diagnosis = diagnosed(trace, ring)
                if not diagnosis.counts["verified"]:
                    continue  # nothing here needs the keys
                ek, ak = (ring.key(role, None, 0) or b"" for role in ("ek", "ak"))
                password = ring.key("password", None, 0) or b""
                wrong = typed(ek, ak)
                given = KeyRing.from_options(wrong[0].hex(), wrong[1].hex(), password="0x" + password.hex())
                found = diagnosed(trace, given).findings
                yield code, FAULTS[name].code, seed, tuple(finding.code for finding in found)
