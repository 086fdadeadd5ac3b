-- What is the evidence of each expert worth?
-- Evidence is what an expert adds to the log odds of fake: it should be positive on fakes and negative on real videos.
-- abstains: share of the videos on which it says nothing; if that differs between the classes, absence tells the label.
WITH told AS (
    FROM oof_predictions
    UNPIVOT INCLUDE NULLS (
        evidence FOR expert IN (COLUMNS(* EXCLUDE (video_id, label, "group", corpus, repeat, fold, margin, probability, predicted)))
    )
),
videos AS (
    SELECT expert, video_id, label, AVG(evidence) AS evidence, AVG((evidence IS NULL)::INT) AS abstains
    FROM told
    GROUP BY expert, video_id, label
)
SELECT
    expert,
    AVG(evidence) FILTER (label = 'fake') AS evidence_on_fake,
    AVG(evidence) FILTER (label = 'real') AS evidence_on_real,
    AVG(abstains) AS abstains,
    AVG(abstains) FILTER (label = 'fake') AS abstains_on_fake,
    AVG(abstains) FILTER (label = 'real') AS abstains_on_real
FROM videos
GROUP BY expert
ORDER BY evidence_on_fake - evidence_on_real DESC NULLS LAST, expert
