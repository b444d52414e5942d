"""Traces as a hexadecimal log that people can read and dlmscope reads back: a heading, a line a frame, remarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.diagnosis.patch import Line

LABELS = {"client": "Client: ", "meter": "Meter: ", "unknown": ""}
RULE = "===================="
SHORTEST = 4  # octets that are taken for bytes as they are


def render(traces: Sequence[tuple[str, Iterable[Line]]]) -> str:
    """Each trace under its name. A remark begins with two slashes and has no octets in it."""
    rows: list[str] = []
    for name, lines in traces:
        rows += [*([""] if rows else []), f"{name} {RULE}", ""]
        for line in lines:
            if line.heading:
                rows += ["", f"{line.heading} {RULE}", ""]
                continue
            if line.remark:
                rows.append(f"// {line.remark}")
                continue
            time = f"{line.time} " if line.time else ""
            rows.append(f"{time}{LABELS[line.direction]}{_octets(line.data)}")
    return "\n".join(rows) + "\n"


def _octets(data: bytes) -> str:
    """Octets in hexadecimal; a few alone as escapes, for as digits they may be anything."""
    return data.hex(" ").upper() if len(data) >= SHORTEST else "".join(f"\\x{octet:02X}" for octet in data)
