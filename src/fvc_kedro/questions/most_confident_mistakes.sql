-- Which 20 wrong verdicts were the surest, and where do the videos lie?
-- A mistake is a mean probability over the repeats on the wrong side of one half. wrong: share of repeats with a wrong label.
WITH videos AS (
    SELECT
        video_id,
        label,
        "group",
        AVG(probability) AS probability_of_fake,
        AVG((predicted <> label)::INT) AS wrong,
        list_sort(list(DISTINCT fold)) AS folds
    FROM oof_predictions
    GROUP BY video_id, label, "group"
)
SELECT video_path, label, probability_of_fake, wrong, manipulation, videos."group", folds
FROM videos
JOIN corpus_index USING (video_id, label)
WHERE (probability_of_fake >= 0.5) <> (label = 'fake')
ORDER BY abs(probability_of_fake - 0.5) DESC, video_path
LIMIT 20
