"""The table catalogue: every table with its columns, types and semantic types.

Read from the text that the core was built with, so that Rust and Python cannot disagree; in a source tree whose core is not built,
from ``crates/tables/catalogue.txt``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.store.errors import StoreError, UnknownTable

SOURCE = Path(__file__).resolve().parents[3] / "crates" / "tables" / "catalogue.txt"

_TYPES: dict[str, tuple[DataType, pa.DataType]] = {
    "b": (DataType.BOOLEAN, pa.bool_()),
    "i": (DataType.INT64, pa.int64()),
    "u": (DataType.UINT128, pa.string()),
    "f": (DataType.FLOAT64, pa.float64()),
    "s": (DataType.STRING, pa.string()),
    "t": (DataType.TIME64NS, pa.int64()),
}


class Pattern(Enum):
    """How a column behaves; the names GetSchemas prints."""

    GENERAL = "GENERAL"
    COUNTER = "METRIC_COUNTER"
    GAUGE = "METRIC_GAUGE"
    ENUM = "GENERAL_ENUM"
    STRUCTURED = "STRUCTURED"


_PATTERNS = {"-": Pattern.GENERAL, "C": Pattern.COUNTER, "G": Pattern.GAUGE, "E": Pattern.ENUM, "S": Pattern.STRUCTURED}


class Kind(Enum):
    """Where a table's rows come from."""

    OBSERVED = "observed"
    SAMPLED = "sampled"
    METADATA = "metadata"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column: PxL type and semantic type, Arrow type, whether a value may be unknown."""

    name: str
    type: DataType
    semantic_type: SemanticType
    pattern: Pattern
    nullable: bool
    description: str
    arrow: pa.DataType


@dataclass(frozen=True)
class Relation:
    """One table of the catalogue."""

    name: str
    kind: Kind
    description: str
    columns: tuple[ColumnSpec, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """The physical columns, in the catalogue's order."""
        return pa.schema([pa.field(c.name, c.arrow, nullable=True) for c in self.columns])

    @cached_property
    def by_name(self) -> Mapping[str, ColumnSpec]:
        return MappingProxyType({c.name: c for c in self.columns})

    @property
    def stored(self) -> bool:
        """Whether rows of the table are kept, and not computed from other tables."""
        return self.kind is not Kind.DERIVED

    @property
    def key(self) -> str | None:
        """The column whose newest row holds (metadata tables): the first after ``time_``."""
        return self.columns[1].name if self.kind is Kind.METADATA else None


def parse(text: str, source: str = "catalogue") -> dict[str, Relation]:
    """Tables of a catalogue text, by name, in its order.

    Raises ``StoreError`` with the line when the text is not in the catalogue's form.
    """
    heads: dict[str, tuple[Kind, str]] = {}
    columns: dict[str, list[ColumnSpec]] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        head, bar, description = line.partition("|")
        words = head.split()
        try:
            if not bar:
                raise ValueError("no '|' before the description")
            if line.startswith("table "):
                _, table, kind = words
                if table in heads:
                    raise ValueError(f"table {table} a second time")
                heads[table] = (Kind(kind), description.strip())
                columns[table] = []
            else:
                columns[table].append(_column(words, description.strip(), {c.name for c in columns[table]}))
        except (ValueError, KeyError) as error:
            raise StoreError(f"{source}, line {number}: {error}: {line.strip()!r}", "see the form in the file's first lines") from None
    for name, found in columns.items():
        if not found or found[0].name != "time_":
            raise StoreError(f"{source}: table {name} does not begin with the column time_")
    return {name: Relation(name, kind, description, tuple(columns[name])) for name, (kind, description) in heads.items()}


def _column(words: list[str], description: str, known: set[str]) -> ColumnSpec:
    name, kind, semantic, pattern = words
    if name in known:
        raise ValueError(f"column {name} a second time")
    data_type, arrow = _TYPES[kind.removesuffix("?")]
    semantic_type = SemanticType["NONE" if semantic == "-" else semantic]
    return ColumnSpec(name, data_type, semantic_type, _PATTERNS[pattern], kind.endswith("?"), description, arrow)


def text() -> tuple[str, str]:
    """The catalogue's text and where it came from."""
    try:
        from kafkascope import _core  # type: ignore[attr-defined]

        return _core.catalogue(), "the core's catalogue"
    except (ImportError, AttributeError):
        pass
    try:
        return SOURCE.read_text(encoding="utf-8"), str(SOURCE)
    except FileNotFoundError:
        raise StoreError("the table catalogue is in neither the core nor the source tree", "build the core with `make build`") from None


@cache
def load() -> Mapping[str, Relation]:
    """All tables of this version, by name.

    What the core fills is as the core was built; in a source tree, tables that Python fills may be newer than the core's build.
    """
    tables = parse(*text())
    if SOURCE.is_file():
        written = parse(SOURCE.read_text(encoding="utf-8"), str(SOURCE))
        tables = {name: relation if relation.kind is not Kind.OBSERVED else tables.get(name, relation) for name, relation in {**tables, **written}.items()}
    return MappingProxyType(tables)


def relation(name: str, relations: Mapping[str, Relation] | None = None) -> Relation:
    """The table of that name; ``UnknownTable`` with the nearest name otherwise."""
    known = load() if relations is None else relations
    try:
        return known[name]
    except KeyError:
        close = difflib.get_close_matches(name, known, 1)
        raise UnknownTable(f"no table '{name}'", f"did you mean '{close[0]}'?" if close else "px/schemas lists them") from None
