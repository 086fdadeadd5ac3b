"""Answering SQL from the results database, as text."""

from __future__ import annotations

import csv
import io
import json
import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from kedro.io import DatasetError

from fvc_kedro.datasets.duckdb_file import open_read_only, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS_SHOWN = 12
_ROWS_AT_ONCE = 10_000

Rows = Iterable[Sequence[Any]]


class QueryError(Exception):
    """A question that has no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that stands ready.

    Parameters
    ----------
    name : str
        What it is asked by.
    title : str
        The question in words.
    query : str
        The question in SQL.
    """

    name: str
    title: str
    query: str


def ready_questions() -> dict[str, Question]:
    """Read the questions in the folder ``questions``, by name; the first line of each is its title."""
    questions = {}
    for file in sorted(files("fvc_kedro").joinpath("questions").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            query = file.read_text(encoding="utf-8")
            name = file.name.removesuffix(".sql")
            questions[name] = Question(name, query.splitlines()[0].removeprefix("--").strip(), query)
    return questions


def ready_question(name: str) -> str:
    """Give the query of a ready question.

    Raises
    ------
    QueryError
        If there is no question of that name.
    """
    questions = ready_questions()
    if name not in questions:
        raise QueryError(f"there is no question {name!r}; there are: {', '.join(questions)}")
    return questions[name].query


def answer(database: Path, query: str, layout: str) -> Iterator[str]:
    """Ask the database and lay out the answer.

    The query can read the tables of the database and nothing else: no other file, no network.

    Parameters
    ----------
    database : Path
        The DuckDB file.
    query : str
        One statement of SQL.
    layout : str
        One of ``LAYOUTS``.

    Yields
    ------
    str
        Pieces of the text, each with its line ends.

    Raises
    ------
    QueryError
        If there is no database, or DuckDB refuses the query, with its message.
    UnicodeError
        If the query is not text.
    """
    query.encode()  # bytes of a shell that are no UTF-8 arrive as lone surrogates
    with _asking(database) as connection:
        _check_is_one_statement(connection, query)
        connection.execute(query)
        columns = [column[0] for column in connection.description or ()]
        yield from LAYOUTS[layout](columns, _rows(connection))


def describe(database: Path) -> str:
    """List the tables with their rows and columns, and the ready questions."""
    with _asking(database) as connection:
        lines = ["Tables", "", *_describe_tables(connection)]
    questions = ready_questions().values()
    width = max(len(question.name) for question in questions)
    lines += ["", "Ready questions, for kedro sql --question NAME", ""]
    lines += [f"  {question.name:{width}}  {question.title}" for question in questions]
    return "\n".join(lines) + "\n"


def _describe_tables(connection: DuckDBPyConnection) -> Iterator[str]:
    for (name,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY 1"
    ).fetchall():
        columns = [row[0] for row in connection.execute(f"DESCRIBE {quoted(name)}").fetchall()]
        n_rows = connection.execute(f"SELECT COUNT(*) FROM {quoted(name)}").fetchall()[0][0]
        more = f' … all {len(columns)}: kedro sql "DESCRIBE {name}"' if len(columns) > _COLUMNS_SHOWN else ""
        yield f"  {name} ({n_rows} rows): {', '.join(columns[:_COLUMNS_SHOWN])}{more}"


@contextmanager
def _asking(database: Path) -> Iterator[DuckDBPyConnection]:
    """Open the database with nothing but its tables in reach; what DuckDB says against it is a ``QueryError``."""
    if not database.exists():
        raise QueryError(f"there is no results database at {database}: kedro run --pipelines reporting makes it")
    try:
        connection = open_read_only(database)
    except DatasetError as error:
        raise QueryError(f"{error}\nkedro run --pipelines reporting makes it anew") from error
    try:
        with closing(connection):
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def _check_is_one_statement(connection: DuckDBPyConnection, query: str) -> None:
    statements = connection.extract_statements(query)
    if not statements:
        raise QueryError("the query is empty: there is no statement in it")
    n_written = sum(1 for statement in statements if statement.query.strip())  # PIVOT becomes two, without text
    if n_written > 1:
        raise QueryError(f"one statement at a time: the query has {n_written}, and only one answer can be shown")


def _rows(connection: DuckDBPyConnection) -> Iterator[Sequence[Any]]:
    while rows := connection.fetchmany(_ROWS_AT_ONCE):
        yield from rows


def lay_out_table(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    """Lay out as a table to be read: all rows, nothing cut, fractions to six digits."""
    values = list(rows)
    texts = [[_readable(name) for name in columns]] + [[_readable(value) for value in row] for row in values]
    widths = [max(_width(text) for text in column) for column in zip(*texts, strict=True)]
    numeric = [
        any(_is_number(value) for value in column) and all(value is None or _is_number(value) for value in column)
        for column in (zip(*values, strict=True) if values else ([] for _ in columns))
    ]
    lines = []
    for row in texts:
        cells = zip(row, widths, numeric, strict=True)
        lines.append("  ".join(_padded(text, width, to_the_right=right) for text, width, right in cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    for line in lines:
        yield f"{line}\n"
    yield f"({len(values)} row{'' if len(values) == 1 else 's'})\n"


def lay_out_csv(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    """Lay out as CSV by RFC 4180 with a header; a missing value is an empty field, a list or structure is JSON."""
    line = io.StringIO()
    writer = csv.writer(line)
    for row in chain([columns], rows):
        writer.writerow([_field(value) for value in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def lay_out_json(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    """Lay out as a list of objects, a line each; a missing value and one that is not finite is null."""
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise QueryError(f"an object cannot hold two columns of one name: name {sorted(twice)} apart with AS")
    opening = "["
    for row in rows:
        record = {name: _plain(value) for name, value in zip(columns, row, strict=True)}
        yield f"{opening}\n{json.dumps(record, ensure_ascii=False, allow_nan=False)}"
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


LAYOUTS: dict[str, Callable[[Sequence[str], Rows], Iterator[str]]] = {
    "table": lay_out_table,
    "csv": lay_out_csv,
    "json": lay_out_json,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _readable(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else _field(value)
    if text.isprintable():
        return text
    # A line end in a value would break the table, another control character could steer the terminal.
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _width(text: str) -> int:
    """Count the places that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _padded(text: str, width: int, *, to_the_right: bool) -> str:
    padding = " " * (width - _width(text))
    return padding + text if to_the_right else text + padding


def _field(value: Any) -> str:
    if value is None:
        return ""
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    if isinstance(value, float | Decimal):
        return str(value)
    return json.dumps(plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Turn a value of DuckDB into one that JSON knows."""
    match value:
        case None | bool() | int() | str():
            plain: Any = value
        case float() | Decimal():
            plain = float(value) if math.isfinite(value) else None
        case datetime() | date() | time():
            plain = value.isoformat()
        case bytes():
            plain = value.hex()
        case dict():
            plain = {str(_plain(key)): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            plain = [_plain(inner) for inner in value]
        case _:
            plain = str(value)
    return plain
