"""Which files the project itself has made, so that they can be removed and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kedro.io import CatalogProtocol

from fvc_kedro.hooks import location
from fvc_kedro.lineage import Lineage


@dataclass(frozen=True, slots=True)
class MadeFiles:
    """Files of datasets.

    Parameters
    ----------
    removable : mapping of str to list of Path
        Those that a run has made, by dataset.
    kept : mapping of str to str
        Datasets that stay, each with the reason.
    """

    removable: dict[str, list[Path]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


def find_made_files(catalog: CatalogProtocol, outputs: Iterable[str], lineage: Lineage) -> MadeFiles:
    """Find the files that runs have made.

    A dataset with a folder of its own knows the names that it gives. Of a single file, a record must tell that a run
    has made it as it is.

    Parameters
    ----------
    catalog : CatalogProtocol
    outputs : iterable of str
        Datasets that pipelines make.
    lineage : Lineage
    """
    found = MadeFiles()
    seen: set[Path] = set()
    for name in sorted(outputs):
        made = getattr(catalog.get(name), "made_files", None)
        if made is None:
            place = location(catalog, name)
            made = [place] if place is not None and place.is_file() else []
            reason = _reason_to_keep(name, lineage)
            if made and reason is not None:
                found.kept[f"{name} ({place})"] = reason
                continue
        made = [file for file in made if file not in seen]  # batches of trials share a folder
        if made:
            found.removable[name] = made
            seen.update(made)
    return found


def _reason_to_keep(name: str, lineage: Lineage) -> str | None:
    record = lineage.records.get(name)
    if record is None:
        return "no run has recorded that it made it"
    now = lineage.contents[name]
    return "changed since a run made it" if now is None or now.digest != record.content.digest else None


def remove(files: Iterable[Path], root: Path) -> None:
    """Remove files, then the folders below a root that are empty without them."""
    for file in files:
        file.unlink(missing_ok=True)
        for folder in file.parents:
            if folder == root or not folder.is_relative_to(root) or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
