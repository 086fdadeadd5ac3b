-- Which features are missing in some videos, and more often in one class?
-- A measure that is missing in one class more than in the other gives the label away by its absence.
WITH measured AS (
    SELECT feature, label, (NOT isfinite(value))::INT AS missing
    FROM (
        UNPIVOT features_metadata
        ON COALESCE(COLUMNS(* EXCLUDE (video_id, label, "group", corpus))::DOUBLE, 'nan'::DOUBLE)
        INTO NAME feature VALUE value
    )
),
shares AS (
    SELECT
        feature,
        SUM(missing)::BIGINT AS n_missing,
        AVG(missing) AS missing,
        AVG(missing) FILTER (label = 'real') AS missing_in_real,
        AVG(missing) FILTER (label = 'fake') AS missing_in_fake
    FROM measured
    GROUP BY feature
)
SELECT *, missing_in_fake - missing_in_real AS difference
FROM shares
WHERE n_missing > 0
ORDER BY abs(difference) DESC NULLS LAST, missing DESC, feature
