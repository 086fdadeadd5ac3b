"""What a dataset raises for the user to read."""

from kedro.io import DatasetError


class FileError(DatasetError):
    """A file that cannot be used; the text names it, what is wrong and the remedy."""
