"""What is measured on a video: one module per feature family, and one registry of them."""

from fvc_kedro.forensics.registry import FAMILIES, Family, feature_names, measure

__all__ = ["FAMILIES", "Family", "feature_names", "measure"]
