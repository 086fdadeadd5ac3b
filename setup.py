"""Packs the configuration into the wheel; everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGURATION = Path("conf")
WORKSHOP = ".wheel"  # and not setuptools' build/, where kedro viz build puts its page


class BuildWithConfiguration(build_py):
    """Copies conf/ to fvc_kedro/conf, but for what somebody keeps in conf/local."""

    def run(self) -> None:
        """Build the modules, then the configuration beside them."""
        if self.editable_mode:  # which reads conf/ of the project
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)  # or modules deleted since the last build would be packed
        super().run()
        target = Path(self.build_lib) / "fvc_kedro" / "conf"
        shutil.copytree(
            CONFIGURATION, target, ignore=lambda folder, names: names if Path(folder).name == "local" else []
        )
        (target / "local").mkdir(exist_ok=True)
        (target / "local" / ".gitkeep").touch()  # or Kedro would miss the environment


setup(cmdclass={"build_py": BuildWithConfiguration}, options={"build": {"build_base": WORKSHOP}})
