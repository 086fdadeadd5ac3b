"""The command manifest, beside what tests/project/test_commands.py runs as a user types it."""

import os
import shlex
from unittest.mock import Mock

import pytest
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run

from conftest import REPOSITORY
from fvc_kedro.cli import cli
from fvc_kedro.datasets import ManifestDataset, VideoFolder
from fvc_kedro.video import VideoFile


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("corpus/real/a.mp4", "corpus/fake/a_fake.mp4"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path / "corpus"


def asked(*arguments):
    return CliRunner().invoke(cli, ["manifest", *arguments])


def test_paths_lead_from_the_output_s_folder_to_the_videos(corpus):
    done = asked("corpus", "--output", "lists/made/manifest.csv")
    assert (done.exit_code, done.stdout) == (0, "")
    folder = corpus.parent / "lists/made"
    paths = ManifestDataset(filepath=str(folder / "manifest.csv")).load()["video_path"].to_list()
    assert paths == ["../../corpus/fake/a_fake.mp4", "../../corpus/real/a.mp4"]
    videos = VideoFolder(folder, allow_outside=True)
    assert all(isinstance(videos[path], VideoFile) for path in paths)
    lines = done.stderr.splitlines()
    assert lines[-2].endswith("kedro run needs --params allow_outside=true")
    params = "corpus_manifest=lists/made/manifest.csv,data_root=OUT,allow_outside=true"
    assert lines[-1] == f"next: kedro run --params {params}"


def test_the_log_of_a_list_goes_to_standard_error(corpus):
    (corpus / "FVC.csv").write_bytes(
        b"cascade_id,video_url,label,title\nf0,https://youtu.be/AAAAAAAAAA1,fake,caf\xe9\n"
        b"r0,https://youtu.be/AAAAAAAAAA2,real,x\n"
    )
    for number in (1, 2):
        (corpus / f"AAAAAAAAAA{number}.mp4").touch()
    done = asked("corpus", "--layout", "fvc")
    assert done.exit_code == 0
    assert [line.count(",") for line in done.stdout.splitlines()] == [6, 6, 6]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 2, "Directory 'nowhere' does not exist"),
        (["empty"], 1, "there is no video in empty"),
        (["corpus", "--layout", "dfdc"], 1, "corpus does not lie like dfdc, which needs a metadata.json"),
        (["corpus", "--layout", "plain"], 2, "'plain' is not one of 'auto'"),
        (["corpus/real"], 1, "no layout fits corpus/real"),
        (["corpus", "--output", "corpus"], 2, "'corpus' is a directory"),
        (["corpus", "--output", "corpus/real/a.mp4/manifest.csv"], 1, "cannot be written to corpus/real/a.mp4/"),
        (["corpus", "--output", ""], 2, "'--output': the path is empty"),
        (["corpus", "--output", "/proc/manifest.csv"], 1, "cannot be written to /proc/manifest.csv: "),
        (["corpus", "--corpus", " "], 2, "'--corpus': the name is empty"),
        (["corpus", "--corpus", "\udcff"], 2, "'--corpus': the name is not UTF-8"),
        (["corpus", "--output", "pipe.csv"], 1, "pipe.csv is no ordinary file"),
    ],
)
def test_an_error_is_one_sentence(corpus, arguments, code, message):
    (corpus.parent / "empty").mkdir()
    os.mkfifo(corpus.parent / "pipe.csv")
    done = asked(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr.splitlines()[-1]


def test_names_with_control_characters_are_escaped_in_messages(corpus):
    (corpus / "notes").mkdir()
    (corpus / "notes/\x1b[31m\n.mp4").touch()
    (corpus / "real" / os.fsdecode(b"\xff.mp4")).touch()
    done = asked("corpus")
    assert done.exit_code == 0
    assert r"\x1b[31m\n.mp4" in done.stderr
    assert r"real/\udcff.mp4" in done.stderr


def test_the_corpus_is_named(corpus):
    done = asked("corpus", "--corpus", "mine")
    assert [line.rsplit(",", 1)[1] for line in done.stdout.splitlines()] == ["corpus", "mine", "mine"]


@pytest.mark.parametrize("output", [[], ["--output", "{}/manifest.csv"]])
@pytest.mark.parametrize(
    ("name", "reason"), [("a,b", "holds a comma"), (os.fsdecode(b"\xff"), "is not UTF-8")], ids=["comma", "bytes"]
)
def test_a_path_that_a_run_cannot_be_given_is_to_be_renamed(corpus, name, reason, output):
    folder = corpus.rename(corpus.parent / name)
    done = asked(str(folder), *(part.format(folder) for part in output))
    assert done.exit_code == 0
    last = done.stderr.splitlines()[-1]
    assert reason in last
    assert "rename" in last
    assert "kedro run --params" not in last
    assert "\udcff" not in last


@pytest.mark.parametrize("name", ["plain", 'it\'s = #1; $HOME "x"'])
def test_the_advised_command_gives_the_run_the_manifest(corpus, name, monkeypatch):
    folder = corpus.rename(corpus.parent / name)
    done = asked(name, "--output", f"{name}/manifest.csv")
    words = shlex.split(done.stderr.splitlines()[-1].removeprefix("next: "))
    given = {}
    monkeypatch.setattr(kedro_run, "callback", lambda **options: given.update(options["params"]))
    monkeypatch.setattr("fvc_kedro.cli._results", Mock())
    assert words[0] == "kedro"
    ran = CliRunner().invoke(cli, [*words[1:], "--conf-source", str(REPOSITORY / "conf")])
    assert ran.exit_code == 0, ran.stderr
    assert given == {"corpus_manifest": str(folder / "manifest.csv"), "data_root": str(corpus.parent / "OUT")}
