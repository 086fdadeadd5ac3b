-- Which manipulations are found, and which pass as real?
SELECT
    label,
    manipulation,
    COUNT(DISTINCT video_id) AS n_videos,
    AVG((predicted = 'fake')::INT) AS called_fake,
    AVG(probability) AS mean_probability_of_fake,
    MEDIAN(probability) AS median_probability_of_fake
FROM oof_predictions
JOIN corpus_index USING (video_id, label, "group")
GROUP BY label, manipulation
ORDER BY label, called_fake, manipulation
