"""A table as CSV after RFC 4180: a heading, a row a line, quotes where they are needed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from analyzer.export.bundle import Bundle
from analyzer.export.tables import TABLES, Row, rows_of


def lines_of(table: str, bundles: Iterable[Bundle]) -> Iterator[str]:
    """The heading and the rows, each without its end of line. An absent value is empty."""
    yield heading_of(table)
    yield from lines(rows_of(table, bundles))


def heading_of(table: str) -> str:
    """The names of the columns."""
    return next(lines([tuple(TABLES[table])]))


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Rows without a heading."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="")
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(row)
        yield buffer.getvalue()
