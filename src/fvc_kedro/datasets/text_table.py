"""Tables as text, as spreadsheet programs, pandas and people write them."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import polars as pl

from fvc_kedro.datasets.errors import FileError

logger = logging.getLogger(__name__)

SEPARATORS = ",;\t|"
_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods, xls
_INDEX = re.compile(r"(unnamed:_\d+(\.\d+)?)?")  # what pandas calls a column without a name
_HEAD = 1 << 16
_LINE_FOR_EXCEL = re.compile(r"sep=.\r?$", re.IGNORECASE | re.MULTILINE)  # tells it the separator
_HEADER_LINE = re.compile(r"^(?!sep=.\r?$)[^\r\n]*[^\s,;|][^\r\n]*", re.IGNORECASE | re.MULTILINE)
_SHOWN = 60


def read_text_table(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Read a CSV with any usual separator and encoding.

    Parameters
    ----------
    path : Path
        Values are separated by ``,``, ``;``, tab or ``|``. The text is UTF-8 or, with a byte-order mark, UTF-16; one
        that is neither is read as Windows-1252, with a warning.
    columns : sequence of str
        Names that the header is expected to hold; they tell the separator.

    Returns
    -------
    DataFrame
        All columns are text; names are in small letters, with ``_`` for inner spaces. Left out are columns without a
        name, as an index has, and blank lines. A row that ends early is filled with empty values.

    Raises
    ------
    FileError
        If it is no such table; the text names the line, its beginning and the remedy.
    """
    text = _read_text(path)
    header_line = _HEADER_LINE.search(text[:_HEAD])
    first_line = header_line[0] if header_line else ""
    separator = _separator(first_line, columns)
    records = _records(path, text, separator)
    if _LINE_FOR_EXCEL.match(text):
        next(records, None)
    header = [re.sub(r"\s+", "_", name.strip().lower()) for name in next(records, (1, []))[1]]
    if not header:
        raise FileError(f"{path} is empty: its first line must be {','.join(columns)}")
    twice = sorted({name for name in header if header.count(name) > 1 and not _INDEX.fullmatch(name)})
    if twice:
        raise FileError(f"the header of {path} names {twice} twice ({first_line[:_SHOWN]!r}): rename or remove one")
    rows = []
    for line, fields in records:
        if any(value.strip() for value in fields[len(header) :]):
            raise FileError(
                f"{path}, line {line}: {separator.join(fields)[:_SHOWN]!r} has {len(fields)} fields where the header "
                f"has {len(header)}: put a value that holds the separator {separator!r} in double quotes"
            )
        if len(fields) == 1 < len(header):
            _refuse_other_separator(path, line, fields[0], first_line, separator, len(header))
        rows.append(fields + [""] * (len(header) - len(fields)))
    values = zip(*rows, strict=False) if rows else itertools.repeat(())
    table = {name: column for name, column in zip(header, values, strict=False) if not _INDEX.fullmatch(name)}
    return pl.DataFrame(table, schema=dict.fromkeys(table, pl.String))


def _separator(first_line: str, columns: Sequence[str]) -> str:
    def fitness(separator: str) -> tuple[int, int]:
        names = next(csv.reader([first_line], delimiter=separator, skipinitialspace=True), [])
        return len({name.strip().lower() for name in names} & set(columns)), len(names)

    return max(SEPARATORS, key=fitness)


def _refuse_other_separator(path: Path, line: int, row: str, first_line: str, separator: str, n_columns: int) -> None:
    for other in SEPARATORS:
        if len(next(csv.reader([row], delimiter=other), [])) >= n_columns:
            raise FileError(
                f"{path}, line {line}: {row[:_SHOWN]!r} is separated by {other!r}, but the header, "
                f"{first_line[:_SHOWN]!r}, by {separator!r}: write all lines with one separator"
            )


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    line = 1
    try:
        for fields in reader:
            if any(value.strip(SEPARATORS + " \r\n") for value in fields):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        lines = io.StringIO(text, newline="")
        beginning = next(itertools.islice(lines, line - 1, None)).strip()[:_SHOWN]
        raise FileError(
            f"{path}, line {line}: {beginning!r} has a double quote too many or too few ({error}): put the value in "
            "double quotes and write those inside it twice"
        ) from error


def _read_text(path: Path) -> str:
    raw, encoding = _read_bytes(path)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        place = _place(raw.decode("latin-1"), error.start)
        if encoding != "utf-8":
            raise FileError(f"{path}, {place} is no {encoding.upper()}, as it begins like: save it as UTF-8") from error
        try:
            text = raw.decode("cp1252")
        except UnicodeDecodeError as other:
            raise FileError(
                f"{path}, {_place(raw.decode('latin-1'), other.start)} is neither UTF-8 nor Windows-1252: save it as "
                "CSV in UTF-8"
            ) from error
        logger.warning(
            "%s is not UTF-8 and is read as Windows-1252 (%s): if names look wrong, save it as UTF-8",
            path,
            _place(text, error.start),
        )
    if "\0" in text:
        _refuse_nul(path, text)
    return text


def _read_bytes(path: Path) -> tuple[bytes, str]:
    try:
        if not path.is_file():
            raise FileError(f"{path} is a folder or no ordinary file: give the path of the CSV itself")
        with path.open("rb") as file:
            head = file.read(_HEAD)
            encoding = next((name for mark, name in _ENCODINGS.items() if head.startswith(mark)), "utf-8")
            if head.startswith(_WORKBOOKS):
                raise FileError(f"{path} is a workbook of Excel or an archive, no CSV: save its sheet as CSV in UTF-8")
            if b"\0" in head and encoding != "utf-16":  # before all of what may be a long video is read
                _refuse_nul(path, head.decode("latin-1"))
            return head + file.read(), encoding
    except OSError as error:
        raise FileError(
            f"{path} cannot be read ({error.strerror}): see that it may be read, or give another"
        ) from error


def _refuse_nul(path: Path, text: str) -> NoReturn:
    raise FileError(
        f"{path}, {_place(text, text.index(chr(0)))} holds a NUL character, so it is damaged or no text: save it as "
        "CSV in UTF-8"
    )


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    start = max(text.rfind("\n", 0, position) + 1, position - _SHOWN // 2)
    return f"line {line}: {text[start : start + _SHOWN].splitlines()[0]!r}"
