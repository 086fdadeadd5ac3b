"""Where the configuration lies: in the project's folder, or, away from it, in the installed package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
from kedro.config import OmegaConfigLoader

_PACKED = Path(__file__).parent / "conf"
# A search, as a file of somebody else's above the working directory may be no TOML.
_PROJECT = re.compile(rb"""^\s*package_name\s*=\s*["']fvc_kedro["']""", re.MULTILINE)


class ConfigurationLoader(OmegaConfigLoader):
    """Kedro's loader, which refuses a folder that it would take for a pattern.

    Raises
    ------
    click.ClickException
        If the path of the configuration has one of ``*``, ``?`` and ``[`` in it.
    """

    def __init__(self, conf_source: str, **arguments: Any) -> None:
        if set("*?[") & set(str(conf_source)):
            raise click.ClickException(
                "Kedro takes *, ? and [ in the path of its configuration for a pattern, and may read that of another "
                f"project: it is {str(conf_source)!r}. Move the project to a folder without them, or give --conf-source"
            )
        super().__init__(conf_source, **arguments)


def project_folder() -> Path | None:
    """Find the folder of this project that the working directory lies in, if it does in one."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        settings = folder / "pyproject.toml"
        if settings.is_file() and _PROJECT.search(settings.read_bytes()):
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
