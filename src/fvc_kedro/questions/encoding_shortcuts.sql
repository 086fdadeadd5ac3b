-- Do real and fake videos differ in how they are encoded, so that a model could learn that instead?
-- cohens_d: mean of the fakes less mean of the real ones, in pooled standard deviations of the two classes.
WITH facts AS (
    SELECT label, fact, value
    FROM (
        UNPIVOT corpus_index
        ON bytes::DOUBLE AS bytes, width::DOUBLE AS width, height::DOUBLE AS height, fps::DOUBLE AS fps,
            n_frames::DOUBLE AS n_frames, duration_s::DOUBLE AS duration_s, bitrate::DOUBLE AS bitrate
        INTO NAME fact VALUE value
    )
    WHERE isfinite(value)
),
classes AS (
    SELECT
        fact,
        COUNT(*) FILTER (label = 'real') AS n_real,
        COUNT(*) FILTER (label = 'fake') AS n_fake,
        AVG(value) FILTER (label = 'real') AS real_mean,
        AVG(value) FILTER (label = 'fake') AS fake_mean,
        VAR_SAMP(value) FILTER (label = 'real') AS real_variance,
        VAR_SAMP(value) FILTER (label = 'fake') AS fake_variance
    FROM facts
    GROUP BY fact
)
SELECT
    fact,
    (fake_mean - real_mean)
        / NULLIF(sqrt(((n_real - 1) * real_variance + (n_fake - 1) * fake_variance) / (n_real + n_fake - 2)), 0) AS cohens_d,
    n_real,
    n_fake,
    real_mean,
    fake_mean
FROM classes
ORDER BY abs(cohens_d) DESC NULLS LAST, fact
