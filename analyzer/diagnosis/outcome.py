"""What an answer amounts to: what it is and what it says of success, without its data."""

from __future__ import annotations

from typing import NamedTuple

from analyzer.message import Message
from analyzer.senders import sender_of_apdu
from grammars.kit.spec import find_int
from grammars.tables.apdu import APDU_TAGS

RESULTS = ("data-access-result", "result", "service_error")
TAGS = {name: tag for tag, name in APDU_TAGS.items()}


class Outcome(NamedTuple):
    """`kind` is the APDU or frame, `code` the result in it, `bad` whether it refuses or makes no sense."""

    kind: str
    code: int | None
    bad: bool
    verdict: str = ""

    @property
    def words(self) -> str:
        """For a sentence."""
        said = self.kind if self.code in (None, 0) else f"{self.kind} with result {self.code}"
        return f"{said} that does not verify" if self.verdict == "failed" else said


NONE = Outcome("no answer", None, True)


def outcome_of(message: Message | None) -> Outcome:
    """The outcome of an answer; `NONE` where there is none."""
    if message is None:
        return NONE
    plain = message.plain
    verdict = "failed" if message.security is not None and message.security.verdict == "failed" else ""
    if plain is None:
        kind = message.frame or ("octets" if message.frames[0].framing == "none" else message.frames[0].framing)
        return Outcome(kind, None, kind in ("DM", "FRMR", "octets"))
    if sender_of_apdu(TAGS.get(plain.name, -1)) not in ("unknown", message.direction):
        return Outcome(f"no APDU of a {message.direction}", None, True, verdict)
    code, bad = None, plain.name in ("exception-response", "confirmed-service-error") or bool(verdict)
    for name in RESULTS:
        code = find_int(plain.nodes, name)
        if code is not None:
            bad = bad or code != 0
            break
    if plain.name == "aare":
        code = message.after.result
        bad = bad or code not in (None, 0)
    return Outcome(plain.name, code, bad, verdict)
