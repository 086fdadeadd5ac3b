-- Does a probability of 80 % mean that eight of ten are fake?
-- n_videos: mean over the repeats, each of which gives a video one probability.
SELECT
    least(floor(probability * 10), 9) / 10 AS probability_from,
    COUNT(*) / (SELECT COUNT(DISTINCT repeat) FROM oof_predictions) AS n_videos,
    AVG(probability) AS mean_probability,
    AVG((label = 'fake')::INT) AS share_of_fake
FROM oof_predictions
GROUP BY ALL
ORDER BY probability_from
