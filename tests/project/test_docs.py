"""What README and docs show is run."""

import re
import shlex
from pathlib import Path

import pytest

from conftest import REPOSITORY, copy_project
from fvc_kedro.parameters import CATALOG_PARAMETERS

FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
# Where each kedro command of the README is run.
COMMANDS_TEST = (Path(__file__).parent / "test_commands.py").read_text()


def blocks(path, language):
    return [body for kind, body in FENCE.findall((REPOSITORY / path).read_text()) if kind == language]


@pytest.mark.parametrize("path", ["README.md", "docs/python.md"])
def test_python_examples_run(path, tiny_run, tmp_path, capsys, monkeypatch):
    import shutil

    project = copy_project(tmp_path / "fvc")
    shutil.copytree(tiny_run["data_root"], project / "data", dirs_exist_ok=True)
    monkeypatch.chdir(project)
    for body in blocks(path, "python"):
        names = {"__name__": "__main__"}
        exec(compile(body, path, "exec"), names)
        if "cv_metrics" in names:
            cv_metrics = names["cv_metrics"]
            assert cv_metrics.filter(repeat=1)["fold"].to_list() == [1, 2, 3]
            assert set(cv_metrics["C"]) <= {0.5, 5.0}


def test_readme_and_corpora_name_only_commands_that_a_test_runs():
    for line in "".join(blocks("README.md", "sh") + blocks("docs/corpora.md", "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "kedro" and words[1] != "run":
            assert f'"{words[1]}"' in COMMANDS_TEST, line


def test_the_manifest_commands_of_the_docs_are_understood():
    from fvc_kedro.cli import manifest
    from fvc_kedro.layouts import NAMES

    shown = [shlex.split(line, comments=True) for body in blocks("docs/corpora.md", "sh") for line in body.splitlines()]
    options = [words[2 : words.index(">")] if ">" in words else words[2:] for words in shown if words[1] == "manifest"]
    for arguments in options:
        arguments[arguments.index("FOLDER")] = "."
        manifest.make_context("manifest", arguments)
    assert {f"`{name}`" for name in NAMES} <= set(re.findall("`[a-z]+`", (REPOSITORY / "docs/corpora.md").read_text()))


def test_parameters_named_in_the_docs_exist():
    import yaml

    parameters = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())
    for path in ("README.md", "docs/fvc.md", "docs/corpora.md"):
        for given in re.findall(r"--params (\S+)", (REPOSITORY / path).read_text()):
            for name in (
                pair.split("=")[0] for pair in given.split(",") if "=" in pair
            ):  # manifests have commas between
                group, _, rest = name.partition(".")
                assert group in CATALOG_PARAMETERS or rest in parameters[group], name


def test_links_lead_somewhere():
    for path in [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_list_of_features_is_the_registry_s():
    import yaml

    from fvc_kedro.forensics import FAMILIES
    from fvc_kedro.forensics.reference import features_markdown

    svm = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())["svm"]
    trained_on = {part.partition(".")[0] for parts in svm["experts"].values() for part in parts}
    written = (REPOSITORY / "docs/features.md").read_text()
    assert written == features_markdown(trained_on), "kedro features > docs/features.md"
    for family in FAMILIES.values():
        for name, feature in family.features.items():
            assert f"| `{name}` | {feature.definition} | {feature.unit} | {feature.unchanged_by} |" in written
            assert feature.definition
            assert feature.unit
