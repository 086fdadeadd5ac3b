"""What a command imports: each takes the modules that it needs and no heavy one beside."""

import subprocess
import sys

import pytest

from conftest import REPOSITORY

HEAVY = {"mlflow", "kedro_mlflow", "numba", "cv2", "av", "polars", "pandas", "scipy", "sklearn", "matplotlib"}
# As the installed package does; kedro itself loads all of its plugins, and with kedro-mlflow MLflow, for every command.
SCRIPT = """
import sys
from fvc_kedro.__main__ import main
try:
    main()
finally:
    print("imported", *{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def imported(*arguments):
    command = [sys.executable, "-c", SCRIPT, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    return set(done.stderr.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["results"], ["sql", "--list"], ["sql", "--help"], ["manifest", "--help"]],
    ids=" ".join,
)
def test_a_light_command_imports_nothing_heavy(arguments):
    modules = imported(*arguments)
    assert "fvc_kedro" in modules
    assert not modules & HEAVY


def test_the_list_of_features_takes_neither_mlflow_nor_scikit_learn():
    modules = imported("features")
    assert "numba" in modules
    assert not modules & {"mlflow", "sklearn", "matplotlib", "polars"}


def test_only_sql_imports_duckdb():
    assert "duckdb" in imported("sql", "--list")
    assert "duckdb" not in imported("results")


def test_datasets_are_imported_when_they_are_asked_for():
    script = (
        "import sys, fvc_kedro.datasets as datasets; assert 'sklearn' not in sys.modules; "
        "print(*(getattr(datasets, name).__name__ for name in datasets.__all__)); assert 'sklearn' in sys.modules; "
        "print(hasattr(datasets, 'NoDataset'), list(datasets.__all__) == list(datasets._MODULES))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    names, others = done.stdout.splitlines()
    assert {"DuckDbDataset", "TrialsDataset"} < set(names.split())
    assert others == "False True"
