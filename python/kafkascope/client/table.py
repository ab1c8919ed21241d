"""Result tables and their rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas
    import polars


@dataclass(frozen=True, slots=True)
class Column:
    """A column: PxL type (``INT64``, ``TIME64NS`` …) and semantic type (``BYTES``, ``DURATION_NS`` …)."""

    name: str
    type: str
    semantic_type: str


class Row:
    """One row: values by name, ``row["latency"]``, or by place, ``row[0]``; ``str(row)`` is JSON.

    BOOLEAN is bool, INT64 and TIME64NS (nanoseconds since the epoch) int, FLOAT64 float, STRING and UINT128 (a upid as ``asid:pid:start``) str; unknown is None.
    """

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], values: tuple[Any, ...]) -> None:
        self._places = places
        self._values = values

    def __getitem__(self, column: str | int) -> Any:
        if isinstance(column, int):
            return self._values[column]
        try:
            return self._values[self._places[column]]
        except KeyError:
            raise KeyError(f"no column '{column}'; the row has {', '.join(self._places)}") from None

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and (tuple(self._places), self._values) == (tuple(other._places), other._values)

    def __hash__(self) -> int:
        return hash((tuple(self._places), self._values))

    def keys(self) -> list[str]:
        """Names of the columns; with it ``dict(row)`` works."""
        return list(self._places)

    def __str__(self) -> str:
        # JSON has no NaN and no infinity.
        values = [str(v) if isinstance(v, float) and not math.isfinite(v) else v for v in self._values]
        return json.dumps(dict(zip(self._places, values, strict=True)), ensure_ascii=False)

    def __repr__(self) -> str:
        return f"Row({self})"


class Table:
    """One result table; iterating gives ``Row`` objects."""

    def __init__(self, name: str, columns: list[Column], data: pa.Table, truncated: bool) -> None:
        self.name = name
        self.columns = columns
        #: The server's limit of rows cut the table off.
        self.truncated = truncated
        self._data = data

    def __len__(self) -> int:
        return int(self._data.num_rows)

    def __iter__(self) -> Iterator[Row]:
        places = {column.name: place for place, column in enumerate(self.columns)}
        for batch in self._data.to_batches(max_chunksize=4096):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Row(places, values)

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self)} rows of {', '.join(c.name for c in self.columns)}{', truncated' if self.truncated else ''}>"

    def to_arrow(self, *, timestamps: bool = True) -> pa.Table:
        """As a ``pyarrow.Table``; TIME64NS as timestamps in UTC, or as int64 of nanoseconds."""
        if not timestamps:
            return self._data
        table = self._data
        for place, column in enumerate(self.columns):
            if column.type == "TIME64NS":
                field = table.schema.field(place).with_type(pa.timestamp("ns", "UTC"))
                table = table.set_column(place, field, table.column(place).cast(field.type))
        return table

    def to_polars(self) -> polars.DataFrame:
        """As a ``polars.DataFrame``. Raises ``ImportError`` when polars is not installed."""
        try:
            import polars
        except ImportError:
            raise ImportError("to_polars needs polars, which is not installed: pip install polars") from None
        frame: polars.DataFrame = polars.from_arrow(self.to_arrow())  # type: ignore[assignment]
        return frame

    def to_pandas(self) -> pandas.DataFrame:
        """As a ``pandas.DataFrame``; columns with unknown values keep their type (nullable dtypes). Raises ``ImportError`` when pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise ImportError("to_pandas needs pandas, which is not installed: pip install pandas") from None
        nullable = {pa.int64(): pandas.Int64Dtype(), pa.bool_(): pandas.BooleanDtype()}
        table = self.to_arrow()
        unknown = {field.name for field, column in zip(table.schema, table.columns, strict=True) if column.null_count}
        frame: pandas.DataFrame = pa.table(
            [c for n, c in zip(table.schema.names, table.columns, strict=True) if n not in unknown], names=[n for n in table.schema.names if n not in unknown]
        ).to_pandas()
        for place, (field, column) in enumerate(zip(table.schema, table.columns, strict=True)):
            if field.name in unknown:
                kind = nullable.get(field.type)
                frame.insert(place, field.name, column.to_pandas() if kind is None else pandas.array(column.to_pylist(), dtype=kind))
        return frame
