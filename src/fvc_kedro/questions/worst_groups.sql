-- Which groups are judged worst, out of fold?
-- roc_auc: the share of pairs of a real and a fake video of the group that a repeat ranks right, ties as half;
-- empty where a group holds one class only.
WITH videos AS (
    SELECT video_id, label, "group", AVG((predicted <> label)::INT) AS wrong
    FROM oof_predictions
    GROUP BY video_id, label, "group"
),
pairs AS (
    SELECT
        fake."group",
        AVG(CASE WHEN fake.probability > real.probability THEN 1 WHEN fake.probability = real.probability THEN 0.5 ELSE 0 END) AS roc_auc
    FROM oof_predictions AS fake
    JOIN oof_predictions AS real USING (repeat, "group")
    WHERE fake.label = 'fake' AND real.label = 'real'
    GROUP BY fake."group"
)
SELECT
    videos."group",
    COUNT(*) AS n_videos,
    COUNT(*) FILTER (label = 'real') AS n_real,
    COUNT(*) FILTER (label = 'fake') AS n_fake,
    AVG(wrong) AS error_rate,
    AVG(wrong) FILTER (label = 'real') AS real_called_fake,
    AVG(wrong) FILTER (label = 'fake') AS fake_called_real,
    ANY_VALUE(pairs.roc_auc) AS roc_auc
FROM videos
LEFT JOIN pairs ON videos."group" = pairs."group"
GROUP BY videos."group"
ORDER BY error_rate DESC, roc_auc, videos."group"
