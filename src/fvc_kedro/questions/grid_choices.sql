-- What did each grid search choose, and how clear was the choice?
-- The first point of the grid within .02 of the best is taken, so the lead over the best other point may be below 0. A lead
-- far below std_roc_auc is no clear choice. The search of the final detector has no repeat and fold.
SELECT
    repeat,
    fold,
    ANY_VALUE(kernel) FILTER (chosen) AS kernel,
    ANY_VALUE(C) FILTER (chosen) AS C,
    ANY_VALUE(mean_roc_auc) FILTER (chosen) AS mean_roc_auc,
    ANY_VALUE(std_roc_auc) FILTER (chosen) AS std_roc_auc,
    ANY_VALUE(mean_roc_auc) FILTER (chosen) - MAX(mean_roc_auc) FILTER (NOT chosen) AS lead_over_best_other,
    COUNT(*) AS n_points,
    ANY_VALUE(n_videos) AS n_videos
FROM grid_search
GROUP BY repeat, fold
ORDER BY repeat NULLS LAST, fold
