"""A table as Parquet, by pyarrow, which the extra `parquet` brings. Rows go out in groups, so memory does not grow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from analyzer.export.bundle import Bundle
from analyzer.export.tables import TABLES, rows_of

GROUP = 50_000  # rows of one row group


class ParquetMissing(RuntimeError):
    """pyarrow is not installed; says what to do."""


def write(stream: Any, table: str, bundles: Sequence[Bundle]) -> None:
    """Writes one table to a binary stream or a path. Raises ParquetMissing."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ParquetMissing("Parquet needs pyarrow: pip install 'dlmscope[parquet]'") from None
    types = {"text": pyarrow.string(), "integer": pyarrow.int64(), "number": pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in TABLES[table].items()])
    rows = rows_of(table, bundles)
    with parquet.ParquetWriter(stream, schema) as writer:
        while True:
            group = list(islice(rows, GROUP))
            if not group:
                break
            columns = [
                pyarrow.array(values, kind) for values, kind in zip(zip(*group, strict=True), schema.types, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
