-- How many real and fake videos does each group hold, and in which fold is it tested?
-- A group of one class only says nothing of how well fakes are told from real videos of one scene.
-- folds: one of each repeat, as folds are numbered on from repeat to repeat.
SELECT
    "group",
    COUNT(DISTINCT video_id) AS n_videos,
    COUNT(DISTINCT video_id) FILTER (label = 'real') AS n_real,
    COUNT(DISTINCT video_id) FILTER (label = 'fake') AS n_fake,
    list_sort(list(DISTINCT fold)) AS folds
FROM folds
GROUP BY "group"
ORDER BY n_videos DESC, "group"
