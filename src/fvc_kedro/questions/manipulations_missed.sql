-- Which manipulations are found, and which pass as real?
-- called_fake: share of the predicted labels of all repeats. The probability of a video is its mean over the repeats.
WITH videos AS (
    SELECT video_id, label, AVG((predicted = 'fake')::INT) AS called_fake, AVG(probability) AS probability
    FROM oof_predictions
    GROUP BY video_id, label
)
SELECT
    label,
    manipulation,
    COUNT(*) AS n_videos,
    AVG(called_fake) AS called_fake,
    AVG(probability) AS mean_probability_of_fake,
    MEDIAN(probability) AS median_probability_of_fake
FROM videos
JOIN corpus_index USING (video_id, label)
GROUP BY label, manipulation
ORDER BY label, called_fake, manipulation
