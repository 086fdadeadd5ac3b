-- Which 20 wrong verdicts were the surest, and where do the videos lie?
SELECT
    video_path,
    label,
    predicted,
    probability AS probability_of_fake,
    margin,
    manipulation,
    "group",
    fold
FROM oof_predictions
JOIN corpus_index USING (video_id, label, "group")
WHERE predicted <> label
ORDER BY abs(probability - 0.5) DESC, video_path
LIMIT 20
