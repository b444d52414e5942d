"""A table as CSV after RFC 4180: a heading, a row a line, quotes where they are needed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from analyzer.export.bundle import Bundle
from analyzer.export.tables import TABLES, rows_of


def lines_of(table: str, bundles: Sequence[Bundle]) -> Iterator[str]:
    """The heading and the rows, each without its end of line. An absent value is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="")
    yield _line(writer, buffer, tuple(TABLES[table]))
    for row in rows_of(table, bundles):
        yield _line(writer, buffer, row)


def _line(writer, buffer: io.StringIO, row: tuple[object, ...]) -> str:  # type: ignore[no-untyped-def]
    buffer.seek(0)
    buffer.truncate()
    writer.writerow(row)
    return buffer.getvalue()
