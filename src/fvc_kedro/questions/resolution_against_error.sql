-- Are videos of low resolution judged worse?
-- Resolution is the shorter side in pixels; classes that fill the bands unevenly make the bands incomparable.
WITH videos AS (
    SELECT
        video_id,
        label,
        AVG((predicted <> label)::INT) AS wrong,
        AVG((probability - (label = 'fake')::INT) ** 2) AS brier
    FROM oof_predictions
    GROUP BY video_id, label
),
sized AS (
    SELECT videos.*, least(width, height) AS short_side
    FROM videos
    JOIN corpus_index USING (video_id)
)
SELECT
    CASE
        WHEN short_side < 240 THEN 'below 240'
        WHEN short_side < 360 THEN '240 to 359'
        WHEN short_side < 480 THEN '360 to 479'
        WHEN short_side < 720 THEN '480 to 719'
        WHEN short_side < 1080 THEN '720 to 1079'
        ELSE '1080 and more'
    END AS short_side,
    COUNT(*) AS n_videos,
    COUNT(*) FILTER (label = 'real') AS n_real,
    COUNT(*) FILTER (label = 'fake') AS n_fake,
    AVG(wrong) AS error_rate,
    AVG(wrong) FILTER (label = 'real') AS real_called_fake,
    AVG(wrong) FILTER (label = 'fake') AS fake_called_real,
    AVG(brier) AS brier
FROM sized
GROUP BY ALL
ORDER BY MIN(sized.short_side)
