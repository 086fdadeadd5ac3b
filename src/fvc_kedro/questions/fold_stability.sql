-- How much do the metrics differ from fold to fold?
-- A standard deviation over folds is no confidence interval: the folds share their training videos.
SELECT
    metric,
    COUNT(value) AS n_folds,
    AVG(value) AS mean,
    STDDEV(value) AS std,
    MIN(value) AS lowest,
    arg_min(fold, value) AS lowest_in_fold,
    MAX(value) AS highest,
    arg_max(fold, value) AS highest_in_fold
FROM (
    UNPIVOT results
    ON test_roc_auc, test_average_precision, test_f1, test_accuracy, test_balanced_accuracy, test_brier, test_log_loss
    INTO NAME metric VALUE value
)
GROUP BY metric
ORDER BY metric
