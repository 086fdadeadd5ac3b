"""Answering SQL from the results database, as text.

Text in the tables may come from anybody, as names of files do. What a terminal or a spreadsheet would act on is
escaped; each layout says how.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from kedro.io import DatasetError

from fvc_kedro.datasets.duckdb_file import open_read_only, quoted

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS_SHOWN = 12
_CELLS_AT_ONCE = 100_000
_ROWS_AT_ONCE = 2048  # as many as DuckDB works on at once
_LONGEST_TABLE = 256 * 2**20  # bytes
# What a spreadsheet takes for a formula at the beginning of a cell (OWASP, CSV injection).
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are wide ones
# Control characters but for line ends, and those that turn the direction of writing.
_STEERING = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
_BETWEEN_CELLS = "\x00"  # which no escaped text holds

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


def answer(database: Path, query: str, layout: str, memory_mb: int = 2048) -> Iterator[str]:
    """Ask the database and lay out the answer.

    The query can read the tables of the database and nothing else: no other file, no network. Ctrl-C ends it.

    Parameters
    ----------
    database : Path
        The DuckDB file.
    query : str
        One statement of SQL.
    layout : str
        One of ``LAYOUTS``.
    memory_mb : int
        Most memory that the query may take, in MiB. DuckDB gets half of it, and writes nothing to disk beyond that.
        On Linux the process is held to it until the last piece is taken, so that whoever uses the pieces may meet a
        ``MemoryError`` as well.

    Yields
    ------
    str
        Pieces of the text, each with its line ends.

    Raises
    ------
    QueryError
        If there is no database, or DuckDB refuses the query, with its message.
    MemoryError
        If it takes more memory.
    UnicodeError
        If the query is not text.
    """
    query.encode()  # bytes of a shell that are no UTF-8 arrive as lone surrogates
    with _asking(database, memory_mb) as connection, ThreadPoolExecutor(1) as pool:
        _check_is_one_statement(connection, query)
        interruptibly = partial(_interruptibly, pool, connection)
        interruptibly(connection.execute, query)
        columns = [column[0] for column in connection.description or ()]
        n_rows = max(1, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // max(1, len(columns))))
        batches = iter(partial(interruptibly, connection.fetchmany, n_rows), [])
        yield from LAYOUTS[layout](columns, chain.from_iterable(batches))


def describe(database: Path, memory_mb: int = 2048) -> str:
    """List the tables with their rows and columns, and the ready questions."""
    with _asking(database, memory_mb) as connection:
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
        yield readable(f"  {name} ({n_rows} rows): {', '.join(columns[:_COLUMNS_SHOWN])}{more}")


@contextmanager
def _asking(database: Path, memory_mb: int) -> Iterator[DuckDBPyConnection]:
    """Open the database with nothing but its tables in reach; what DuckDB says against it is a ``QueryError``."""
    if not database.exists():
        raise QueryError(
            f"there is no results database at {database}: kedro run --pipelines reporting makes it; that of a run with "
            "a data_root takes --data-root"
        )
    try:
        connection = open_read_only(database)
    except DatasetError as error:
        raise QueryError(f"{error}\nkedro run --pipelines reporting makes it anew") from error
    try:
        with closing(connection), _limited(memory_mb):
            # The bar would be printed on standard output where Python runs no file.
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET temp_directory = ''")
            connection.execute(f"SET memory_limit = '{memory_mb // 2}MiB'")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(str(error)) from error
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


@contextmanager
def _limited(memory_mb: int) -> Iterator[None]:
    """Let this process take so much memory more than it has: DuckDB does not count all that it takes."""
    if sys.platform != "linux":
        yield
        return
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    taken_kb = re.search(r"VmData:\s*(\d+)", Path("/proc/self/status").read_text())
    limit = (int(taken_kb[1]) if taken_kb else 0) * 2**10 + memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit if limits[0] < 0 else min(limit, limits[0]), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)


def _check_is_one_statement(connection: DuckDBPyConnection, query: str) -> None:
    statements = connection.extract_statements(query)
    if not statements:
        raise QueryError("the query is empty: there is no statement in it")
    n_written = sum(1 for statement in statements if statement.query.strip())  # PIVOT becomes two, without text
    if n_written > 1:
        raise QueryError(f"one statement at a time: the query has {n_written}, and only one answer can be shown")


def _interruptibly(
    pool: ThreadPoolExecutor, connection: DuckDBPyConnection, action: Callable[..., Any], argument: Any
) -> Any:
    """Do something on another thread, as DuckDB on the main one may not notice Ctrl-C for minutes."""
    doing = pool.submit(action, argument)
    try:
        while not wait([doing], timeout=0.1).done:  # again and again, as another thread may be told of Ctrl-C
            pass
    except KeyboardInterrupt:
        while not doing.done():  # more than once, as an interruption before the query has begun is forgotten
            connection.interrupt()
            wait([doing], timeout=0.1)
        raise
    return doing.result()


def lay_out_table(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    r"""Lay out as a table to be read: all rows, nothing cut, fractions to six digits.

    Whatever is not printable is escaped as in Python (``\n``, ``\x1b``, ``\u202e``): line ends, control characters,
    invisible ones and those that turn the direction of writing.

    Raises
    ------
    QueryError
        If the table would be longer than 256 MiB.
    """
    header = [readable(name) for name in columns]
    widths = [_width(name) for name in header]
    kinds: list[set[bool]] = [set() for _ in columns]  # whether values are numbers
    lines: list[str] = []  # of joined cells, which take less memory
    held = 0
    for row in rows:
        texts = [_cell(value) for value in row]
        widths = [max(pair) for pair in zip(widths, map(_width, texts), strict=True)]
        for kind, value in zip(kinds, row, strict=True):
            if value is not None:
                kind.add(_is_number(value))
        lines.append(_BETWEEN_CELLS.join(texts))
        held += sys.getsizeof(lines[-1])
        if max(held, len(lines) * (sum(widths) + 2 * len(widths))) > _LONGEST_TABLE:
            raise QueryError(
                f"the answer is too long for a table: {len(lines)} rows take more than {_LONGEST_TABLE // 2**20} MiB. "
                "Take --format csv or json, which have no such limit, or ask for less (LIMIT)"
            )
    numeric = [kind == {True} for kind in kinds]

    def line(texts: Sequence[str]) -> str:
        cells = zip(texts, widths, numeric, strict=True)
        return "  ".join(_padded(text, width, to_the_right=right) for text, width, right in cells).rstrip() + "\n"

    yield line(header)
    yield "  ".join("-" * width for width in widths) + "\n"
    for joined in lines:
        yield line(joined.split(_BETWEEN_CELLS))
    yield f"({len(lines)} row{'' if len(lines) == 1 else 's'})\n"


def lay_out_csv(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    r"""Lay out as CSV by RFC 4180 with a header; a missing value is an empty field, a list or structure is JSON.

    Text that a spreadsheet would take for a formula (it begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end)
    gets ``'`` before it, names of columns too; numbers stay as they are. Control characters, but for line ends, and
    those that turn the direction of writing are escaped as in Python (``\x1b``).
    """
    line = io.StringIO()
    writer = csv.writer(line)
    for row in chain([columns], rows):
        writer.writerow([_field(value) for value in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def lay_out_json(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    r"""Lay out as a list of objects, a line each; a missing value and one that is not finite is null.

    Whatever is not printable is escaped as JSON does (``\u001b``), so that the values are read back as they are.
    """
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise QueryError(f"an object cannot hold two columns of one name: name {sorted(twice)} apart with AS")
    opening = "["
    for row in rows:
        record = {name: _plain(value) for name, value in zip(columns, row, strict=True)}
        yield f"{opening}\n{_json(record)}"
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


LAYOUTS: dict[str, Callable[[Sequence[str], Rows], Iterator[str]]] = {
    "table": lay_out_table,
    "csv": lay_out_csv,
    "json": lay_out_json,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.6g}"
    return readable(value if isinstance(value, str) else _unescaped_field(value))


def readable(text: str) -> str:
    """Escape whatever is not printable, as Python does."""
    if text.isprintable():
        return text
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
    text = _unescaped_field(value)
    if _is_number(value):
        return text
    escaped = text if text.isprintable() else _STEERING.sub(lambda found: repr(found[0])[1:-1], text)
    return f"'{escaped}" if text.startswith(_FORMULA) else escaped


def _unescaped_field(value: Any) -> str:
    if value is None:
        return ""
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    if isinstance(value, float | Decimal):
        return str(value)
    return _json(plain)


def _json(plain: Any) -> str:
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


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
