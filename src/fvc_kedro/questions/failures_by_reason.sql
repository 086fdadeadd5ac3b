-- Why were videos rejected or not measured, and how many?
-- A reason is what stands before its first colon; one video is shown with the whole of it.
WITH failures AS (
    SELECT 'ingestion' AS stage, video_path, reason FROM rejected_videos
    UNION ALL
    SELECT 'feature_engineering', video_path, reason FROM failed_videos
    UNION ALL
    SELECT 'scaling', video_path, reason FROM failed_scaled_videos
)
SELECT
    stage,
    split_part(reason, ':', 1) AS reason,
    COUNT(*) AS n_videos,
    MIN(video_path) AS example,
    arg_min(failures.reason, video_path) AS reason_of_example
FROM failures
GROUP BY stage, split_part(failures.reason, ':', 1)
ORDER BY n_videos DESC, stage, reason
