"""A table as Parquet, by pyarrow, which the extra `parquet` brings. Rows go out in groups, so memory does not grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from analyzer.export.bundle import Bundle
from analyzer.export.tables import TABLES, Row, rows_of

GROUP = 10_000  # rows of one row group


class ParquetMissing(RuntimeError):
    """pyarrow is not installed; says what to do."""


def write(stream: Any, table: str, bundles: Iterable[Bundle]) -> None:
    """Writes one table to a binary stream or a path. Raises ParquetMissing."""
    write_rows(stream, TABLES[table], rows_of(table, bundles))


def write_rows(stream: Any, columns: Mapping[str, str], rows: Iterable[Row]) -> None:
    """Writes rows in the order of their columns (name: text, integer or number). Raises ParquetMissing."""
    with Table(stream, columns) as table:
        table.add(rows)


class Table:
    """A table that rows are added to, in the order of its columns (name: text, integer or number). Raises ParquetMissing."""

    def __init__(self, stream: Any, columns: Mapping[str, str]) -> None:
        self._arrow = arrow()
        from pyarrow import parquet

        types = {"text": self._arrow.string(), "integer": self._arrow.int64(), "number": self._arrow.float64()}
        self._schema = self._arrow.schema([(name, types[kind]) for name, kind in columns.items()])
        self._writer = parquet.ParquetWriter(stream, self._schema)
        self._waiting: list[Row] = []
        self.count = 0  # rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._waiting:
            self._write()
        self._writer.close()

    def add(self, rows: Iterable[Row]) -> None:
        """Takes more rows."""
        for row in rows:
            self._waiting.append(row)
            if len(self._waiting) == GROUP:
                self._write()

    def _write(self) -> None:
        self.count += len(self._waiting)
        columns = zip(zip(*self._waiting, strict=True), self._schema.types, strict=True)
        arrays = [self._arrow.array(values, kind) for values, kind in columns]
        self._waiting.clear()
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))


def arrow() -> Any:
    """pyarrow. Raises ParquetMissing."""
    try:
        import pyarrow
    except ImportError:
        raise ParquetMissing("Parquet needs pyarrow: pip install 'dlmscope[parquet]'") from None
    return pyarrow
