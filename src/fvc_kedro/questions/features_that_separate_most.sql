-- Which 25 features separate fake from real most (effect size), and do they within a group?
-- Only features that are there for at least half of the videos of each class: few videos make large effects by chance.
-- cohens_d: mean of the fakes less mean of the real ones, in pooled standard deviations of the two classes.
-- within_groups: the same difference taken inside each group that holds both, its mean over the groups in
-- standard deviations of it over the groups; what differs from scene to scene cannot help there.
-- Of many features some stand out by chance all the same: this finds candidates, it proves nothing.
WITH measured AS (
    SELECT feature, label, "group", value
    FROM (
        UNPIVOT features_metadata
        ON COLUMNS(* EXCLUDE (video_id, label, "group", corpus))::DOUBLE
        INTO NAME feature VALUE value
    )
    WHERE isfinite(value)
),
classes AS (
    SELECT
        feature,
        COUNT(*) FILTER (label = 'real') AS n_real,
        COUNT(*) FILTER (label = 'fake') AS n_fake,
        AVG(value) FILTER (label = 'real') AS real_mean,
        AVG(value) FILTER (label = 'fake') AS fake_mean,
        VAR_SAMP(value) FILTER (label = 'real') AS real_variance,
        VAR_SAMP(value) FILTER (label = 'fake') AS fake_variance
    FROM measured
    GROUP BY feature
),
groups AS (
    SELECT
        feature,
        "group",
        AVG(value) FILTER (label = 'fake') - AVG(value) FILTER (label = 'real') AS difference
    FROM measured
    GROUP BY feature, "group"
),
within AS (
    SELECT feature, COUNT(difference) AS n_groups, AVG(difference) / NULLIF(STDDEV(difference), 0) AS within_groups
    FROM groups
    GROUP BY feature
)
SELECT
    feature,
    (fake_mean - real_mean)
        / NULLIF(sqrt(((n_real - 1) * real_variance + (n_fake - 1) * fake_variance) / (n_real + n_fake - 2)), 0) AS cohens_d,
    within_groups,
    n_groups,
    n_real,
    n_fake,
    real_mean,
    fake_mean
FROM classes
JOIN within USING (feature)
WHERE
    n_real >= greatest(2, 0.5 * (SELECT COUNT(*) FROM features_metadata WHERE label = 'real'))
    AND n_fake >= greatest(2, 0.5 * (SELECT COUNT(*) FROM features_metadata WHERE label = 'fake'))
ORDER BY abs(cohens_d) DESC NULLS LAST, feature
LIMIT 25
