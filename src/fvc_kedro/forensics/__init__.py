"""What is measured on a video: one module per feature family, and one registry of them."""

from fvc_kedro.forensics.family import Family
from fvc_kedro.forensics.registry import FAMILIES, PARTS, Columns, Sampling, columns_of, feature_names, measure

__all__ = ["FAMILIES", "PARTS", "Columns", "Family", "Sampling", "columns_of", "feature_names", "measure"]
