"""Folds, search, models and metrics, in scikit-learn's terms. Knows no video and no Kedro."""
