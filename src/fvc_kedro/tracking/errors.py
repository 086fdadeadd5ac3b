"""What tracking raises, apart, as it is looked for without MLflow."""


class TrackingError(RuntimeError):
    """MLflow cannot be used; the text names its store, the reason and the remedy."""
