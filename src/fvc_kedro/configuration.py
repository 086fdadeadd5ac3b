"""Where the configuration lies: in the project's folder, or, away from it, in the installed package."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click

_PACKED = Path(__file__).parent / "conf"


def project_folder() -> Path | None:
    """Find the folder of this project that the working directory lies in, if it does in one."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        settings = folder / "pyproject.toml"
        if settings.is_file():
            tools = tomllib.loads(settings.read_text(encoding="utf-8")).get("tool", {})
            if tools.get("kedro", {}).get("package_name") == "fvc_kedro":
                return folder
    return None


def configuration_folder() -> Path:
    """Find the folder of the configuration: conf/ of the project, or that of the package.

    Raises
    ------
    click.ClickException
        If there is neither, as in an editable installation used from elsewhere.
    """
    project = project_folder()
    folder = _PACKED if project is None else project / "conf"
    if not folder.is_dir():
        raise click.ClickException(
            f"there is no configuration: {Path.cwd()} lies in no folder of the project, and this installation, "
            "an editable one, carries none. Go to the project's folder, or give --conf-source"
        )
    return folder
