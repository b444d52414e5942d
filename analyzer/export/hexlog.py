"""A trace as hexadecimal text that reads back: a heading for each trace, a line for each record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain

from analyzer.export.bundle import Bundle
from analyzer.export.pieces import pieces_of
from analyzer.export.stretches import stretches_of
from grammars.readings import escaped

WORDS = {"client": "TX: ", "meter": "RX: ", "unknown": ""}
FIRST_DATE = 100_000_000.0  # seconds; less are no date but a clock or a time since the start


def lines_of(bundles: Iterable[Bundle]) -> Iterator[str]:
    """The lines without their ends. Client is TX, meter RX; what is masked reads as asterisks' octets, 2A."""
    for bundle in bundles:
        name = escaped(" ".join(bundle.text(bundle.trace.name).split()))
        # A heading has a word in it; two addresses alone would be read as no heading, and two traces as one.
        yield f"{name if name[:1].isalpha() else f'trace {name}'} ===="
        yield ""
        for piece in chain.from_iterable(map(pieces_of, stretches_of(bundle))):
            stamp = _stamp(piece.time, piece.seconds)
            yield f"{stamp}{WORDS[piece.direction]}{piece.data.hex(' ').upper()}"
            if not stamp and piece.direction == "unknown":
                yield ""  # without a blank line two records would be one
        yield ""


def _stamp(time: str | None, seconds: float | None) -> str:
    """The time of a record, as a date where it is one, with its end."""
    if seconds is not None and FIRST_DATE <= seconds < 1e11:
        try:
            moment = datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError):
            return ""
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f") + "  "
    return f"{time}  " if time else ""
