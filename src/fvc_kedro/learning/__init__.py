"""Folds, search, models and metrics, in scikit-learn's terms. Opens no video and knows no Kedro."""
