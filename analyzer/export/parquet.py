"""A table as Parquet, by pyarrow, which the extra `parquet` brings. Rows go out in groups, so memory does not grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from analyzer.export.bundle import Bundle
from analyzer.export.tables import TABLES, Row, rows_of

GROUP = 50_000  # rows of one row group


class ParquetMissing(RuntimeError):
    """pyarrow is not installed; says what to do."""


def write(stream: Any, table: str, bundles: Iterable[Bundle]) -> None:
    """Writes one table to a binary stream or a path. Raises ParquetMissing."""
    write_rows(stream, TABLES[table], rows_of(table, bundles))


def write_rows(stream: Any, columns: Mapping[str, str], rows: Iterable[Row]) -> int:
    """Writes rows in the order of their columns (name: text, integer or number); how many there were.

    Raises ParquetMissing.
    """
    pyarrow = arrow()
    from pyarrow import parquet

    types = {"text": pyarrow.string(), "integer": pyarrow.int64(), "number": pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    coming, count = iter(rows), 0
    with parquet.ParquetWriter(stream, schema) as writer:
        while group := list(islice(coming, GROUP)):
            count += len(group)
            arrays = [
                pyarrow.array(values, kind) for values, kind in zip(zip(*group, strict=True), schema.types, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
    return count


def arrow() -> Any:
    """pyarrow. Raises ParquetMissing."""
    try:
        import pyarrow
    except ImportError:
        raise ParquetMissing("Parquet needs pyarrow: pip install 'dlmscope[parquet]'") from None
    return pyarrow
