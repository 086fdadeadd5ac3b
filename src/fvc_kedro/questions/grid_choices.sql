-- What did each grid search choose, and how clear was the choice?
-- A lead far below std_roc_auc is no choice: the search could as well have taken the second.
SELECT
    scope,
    arg_min(kernel, rank) AS kernel,
    arg_min(C, rank) AS C,
    arg_min(mean_roc_auc, rank) AS mean_roc_auc,
    arg_min(std_roc_auc, rank) AS std_roc_auc,
    arg_min(mean_roc_auc, rank) - MAX(mean_roc_auc) FILTER (rank > 1) AS lead_over_second,
    COUNT(*) AS n_points,
    ANY_VALUE(n_videos) AS n_videos
FROM grid_search
GROUP BY scope
ORDER BY scope = 'all', scope
