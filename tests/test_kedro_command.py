"""The commands that messages advise to run."""

import shlex

import pytest
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run

from fvc_kedro import cli
from fvc_kedro.commands import kedro_command


@pytest.mark.parametrize(
    ("pipelines", "params", "command"),
    [
        ([], {}, "kedro run"),
        (["a", "b"], {"x": 1, "data_root": "/out"}, "kedro run --pipelines a,b --params x=1,data_root=/out"),
        (["a"], {"svm": {"seed": 1, "search": {"mode": "global"}}}, "kedro run --pipelines a --params "
         "svm.seed=1,svm.search.mode=global"),
        ([], {"allow_outside": True, "x": None}, "kedro run --params allow_outside=true,x=null"),
        ([], {"data_root": "/my out/it's"}, """kedro run --params 'data_root=/my out/it'"'"'s'"""),
    ],
)  # fmt: skip
def test_commands_are_written_for_a_shell(pipelines, params, command):
    assert kedro_command(pipelines, params) == command


def test_the_environment_comes_first():
    assert kedro_command(["ingestion"], {}, "fvc") == "kedro run --env fvc --pipelines ingestion"


def test_a_run_reads_the_command_as_it_was_written(monkeypatch):
    given = {}
    monkeypatch.setattr(kedro_run, "callback", lambda **options: given.update(options))
    params = {"data_root": "/a b/$c #d", "allow_outside": True, "svm": {"seed": 3, "feature_sets": ["original"]}}
    words = shlex.split(kedro_command(["a"], params))
    assert CliRunner().invoke(cli.cli, words[1:]).exit_code == 0
    assert given["params"] == params
