"""How many octets are looked at to tell APDUs that have no framing: the work and the memory of it, counted."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.framings import apdu
from grammars.kit.spec import Failure
from grammars.parse import Parsed, parse


def count_looks(patch: pytest.MonkeyPatch) -> list[int]:
    """The octets of each parse from now on: all that are in its tree, or those before the field that it failed at."""
    looked: list[int] = []

    def counting(grammar: Any, buffer: bytes, start: int = 0, end: int | None = None, **how: bool) -> Parsed:
        try:
            parsed = parse(grammar, buffer, start, end, **how)
        except Failure as failure:
            looked.append(failure.offset - start)
            raise
        looked.append((len(buffer) if end is None else end) - start)
        return parsed

    patch.setattr(apdu, "parse", counting)
    return looked
