-- Does a probability of 80 % mean that eight of ten are fake?
SELECT
    least(floor(probability * 10), 9) / 10 AS probability_from,
    COUNT(*) AS n_verdicts,
    AVG(probability) AS mean_probability,
    AVG((label = 'fake')::INT) AS share_of_fake
FROM oof_predictions
GROUP BY ALL
ORDER BY probability_from
