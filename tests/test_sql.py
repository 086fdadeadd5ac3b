import csv
import io
import json
import resource
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from conftest import REPOSITORY
from fvc_kedro import sql
from fvc_kedro.datasets import DuckDbDataset
from fvc_kedro.sql import LAYOUTS, QueryError, answer, describe, ready_question, ready_questions

VALUES = """
SELECT * FROM (VALUES
    (1, 'it''s "so", he said', 0.1 + 0.2::DOUBLE, true, DATE '2024-02-29', [1, NULL], 1.50, NULL),
    (20, 'two
lines', 'nan'::DOUBLE, false, NULL, [], 10.25, NULL),
    (NULL, '日本', '-inf'::DOUBLE, NULL, DATE '2024-03-01', NULL, NULL, NULL)
) AS rows(n, text, share, flag, day, list, amount, nothing)
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("sql") / "results.duckdb"
    folds = pl.DataFrame({"video_id": ["a", "b", "c"], "label": ["real", "fake", "fake"], "fold": [1, 1, 2]})
    wide = pl.DataFrame({f"feature_{number}": [0.5] for number in range(100)})
    DuckDbDataset(filepath=str(path)).save({"folds": folds, "features_metadata": wide})
    return path


def ask(database, query, layout="json"):
    text = ask_raw(database, query, layout)
    return json.loads(text) if layout == "json" else text


def ask_raw(database, query, layout, memory_mb=2048):
    return "".join(answer(database, query, layout, memory_mb))


# --- layouts ---------------------------------------------------------------------------------------------------


def test_json_is_a_list_of_objects_and_knows_no_nan(database):
    assert ask(database, VALUES) == [
        {"n": 1, "text": 'it\'s "so", he said', "share": 0.30000000000000004, "flag": True, "day": "2024-02-29"}
        | {"list": [1, None], "amount": 1.5, "nothing": None},
        {"n": 20, "text": "two\nlines", "share": None, "flag": False, "day": None}
        | {"list": [], "amount": 10.25, "nothing": None},
        {"n": None, "text": "日本", "share": None, "flag": None, "day": "2024-03-01"}
        | {"list": None, "amount": None, "nothing": None},
    ]


def test_csv_follows_the_standard(database):
    text = ask(database, VALUES, "csv")
    assert text.startswith("n,text,share,flag,day,list,amount,nothing\r\n")
    assert text.endswith("\r\n")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[1] == ["1", 'it\'s "so", he said', "0.30000000000000004", "true", "2024-02-29", "[1, null]", "1.50", ""]
    assert rows[2][:3] == ["20", "two\nlines", "nan"]
    assert rows[3] == ["", "日本", "-inf", "", "2024-03-01", "", "", ""]


def test_a_csv_is_read_back_by_polars(database):
    text = ask(database, "SELECT fold, AVG(fold) AS mean FROM folds GROUP BY fold ORDER BY fold", "csv")
    assert pl.read_csv(text.encode()).rows() == [(1, 1.0), (2, 2.0)]


def test_the_table_is_aligned_and_keeps_to_a_line_a_row(database):
    lines = ask(database, VALUES, "table").splitlines()
    assert lines[0] == "   n  text                share  flag   day         list       amount  nothing"
    assert lines[2] == '   1  it\'s "so", he said    0.3  true   2024-02-29  [1, null]    1.50  NULL'
    assert lines[3] == "  20  two\\nlines            nan  false  NULL        []          10.25  NULL"
    assert lines[4] == "NULL  日本                 -inf  NULL   2024-03-01  NULL         NULL  NULL"
    assert lines[5] == "(3 rows)"


def test_the_table_leaves_no_row_out_and_cuts_nothing(database):
    query = "SELECT i, repeat('x', 500) AS long FROM range(30000) AS numbers(i)"
    lines = ask(database, query, "table").splitlines()
    assert len(lines) == 30_003
    assert lines[-1] == "(30000 rows)"
    assert lines[-2].split() == ["29999", "x" * 500]


# An escape sequence, a lone C1 introducer and DEL, a tab, line ends, an override of the direction, an invisible space.
CONTROL = "chr(27) || '[31m' || chr(155) || chr(127) || E'\\ta\\r\\nb\\rc' || chr(8238) || chr(8203) || '日本'"


def test_the_terminal_is_not_steered_by_a_value(database):
    lines = ask(database, f"SELECT {CONTROL} AS v", "table").splitlines()
    assert lines[2] == r"\x1b[31m\x9b\x7f\ta\r\nb\rc\u202e\u200b日本"


def test_csv_escapes_control_characters_but_keeps_line_ends(database):
    text = ask(database, f"SELECT {CONTROL} AS v, [chr(155)] AS list", "csv")
    ((value, in_list),) = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert value == "\\x1b[31m\\x9b\\x7f\\ta\r\nb\\rc\\u202e\u200b日本"
    assert json.loads(in_list) == ["\x9b"]
    assert "\x9b" not in in_list


def test_json_escapes_what_is_not_printable_and_loses_nothing(database):
    text = ask_raw(database, f"SELECT {CONTROL} AS v, 'x' AS \"{chr(155)}\"", "json")
    assert all(letter.isprintable() for line in text.split("\n") for letter in line)
    assert "日本" in text
    assert json.loads(text) == [{"v": "\x1b[31m\x9b\x7f\ta\r\nb\rc\u202e\u200b日本", "\x9b": "x"}]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d"])
def test_text_of_a_csv_is_no_formula_and_numbers_stay_numbers(database, start):
    query = (
        f"SELECT '{start}1' AS text, -0.5 AS n, -2::DECIMAL(4, 2) AS amount, '-inf'::DOUBLE AS f, 'a=1' AS \"{start}a\""
    )
    assert list(csv.reader(io.StringIO(ask(database, query, "csv")))) == [
        ["text", "n", "amount", "f", f"'{start}a"],
        [f"'{start}1", "-0.5", "-2.00", "-inf", "a=1"],
    ]


@pytest.mark.parametrize(("start", "shown"), [("\t", r"'\t=1"), ("\r", r"'\r=1"), ("\n", "'\n=1")])
def test_a_formula_is_none_behind_white_space_either(database, start, shown):
    text = ask(database, f"SELECT '{start}=1' AS v", "csv")
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == [shown]


def test_names_of_tables_and_columns_are_listed_without_steering(tmp_path):
    path = tmp_path / "results.duckdb"
    DuckDbDataset(filepath=str(path)).save({"a\x9btable": pl.DataFrame({"\x1b[31mred": [1]})})
    assert r"a\x9btable (1 rows): \x1b[31mred" in describe(path)


# --- memory ----------------------------------------------------------------------------------------------------

COUNTED = "SELECT string_agg(repeat('x', 1000), ',') FROM range(1000000)"
NOT_COUNTED = ["SELECT median(i) FROM range(200000000) AS numbers(i)", "SELECT repeat('x', 2000000000)"]  # by DuckDB


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "query",
    [
        COUNTED,
        *(
            pytest.param(query, marks=pytest.mark.skipif(sys.platform != "linux", reason="no limit of the process"))
            for query in NOT_COUNTED
        ),
    ],
)
def test_a_query_that_takes_too_much_memory_is_ended(database, layout, query):
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(MemoryError):
        "".join(answer(database, query, layout, memory_mb=256))
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert ask(database, "SELECT COUNT(*) AS n FROM folds") == [{"n": 3}]


def test_nothing_is_spilled_to_disk(database, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MemoryError):
        ask_raw(database, "SELECT i FROM range(100000000) AS numbers(i) ORDER BY hash(i)", "csv", 256)
    assert not list(tmp_path.iterdir())


def test_an_answer_too_long_for_a_table_names_the_other_formats(database, monkeypatch):
    monkeypatch.setattr(sql, "_LONGEST_TABLE", 100_000)
    for query in ("FROM range(3000)", "SELECT i, repeat('x', 400) FROM range(300) AS numbers(i)"):
        with pytest.raises(QueryError, match=r"too long for a table: \d+ rows .*--format csv"):
            ask(database, query, "table")
        assert len(ask(database, query, "csv").splitlines()) > 300


@pytest.mark.parametrize("layout", ["csv", "json"])
def test_a_long_answer_is_not_held_in_memory(database, layout):
    script = (
        "import resource, sys; from pathlib import Path; from fvc_kedro.sql import answer\n"
        "for _ in answer(Path(sys.argv[1]), sys.argv[2], sys.argv[3]): pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(n_rows):
        query = f"SELECT i, repeat('x', 300) AS t FROM range({n_rows}) AS numbers(i)"
        command = [sys.executable, "-c", script, str(database), query, layout]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(done.stdout) / (2**10 if sys.platform == "linux" else 2**20)

    assert peak(400_000) < peak(20_000) + 60  # MiB; the rows alone are 120


@pytest.mark.parametrize(
    ("layout", "expected"), [("table", "fold\n----\n(0 rows)\n"), ("csv", "fold\r\n"), ("json", [])]
)
def test_an_answer_without_rows_is_an_answer(database, layout, expected):
    assert ask(database, "SELECT fold FROM folds WHERE fold > 9", layout) == expected


def test_two_columns_of_one_name_are_refused_as_json_only(database):
    with pytest.raises(QueryError, match=r"\['a'\] apart with AS"):
        ask(database, "SELECT 1 AS a, 2 AS a")
    assert ask(database, "SELECT 1 AS a, 2 AS a", "csv") == "a,a\r\n1,2\r\n"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "value",
    [
        "INTERVAL 1 DAY",
        "uuid()",
        "{'a': [NULL, 'x']}",
        "MAP {1: 'x'}",
        "'ab'::BLOB",
        "TIME '10:00'",
        "2::HUGEINT ** 100",
    ],
)
def test_values_of_every_type_can_be_laid_out(database, layout, value):
    assert ask(database, f"SELECT {value} AS v", layout)


# --- what is asked ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["SELECT 1 AS a;", "SELECT 1 AS a ; -- ;", "-- first\nSELECT 1 AS a", "\n SELECT 1 AS a;;"]
)
def test_semicolons_and_comments_are_no_further_statement(database, query):
    assert ask(database, query) == [{"a": 1}]


def test_a_semicolon_in_a_value_is_no_end(database):
    assert ask(database, "SELECT 'a; b' AS v") == [{"v": "a; b"}]


@pytest.mark.parametrize("query", ["", "  \n", ";", "-- only a comment"])
def test_a_query_without_a_statement_is_refused(database, query):
    with pytest.raises(QueryError, match="no statement"):
        ask(database, query)


def test_several_statements_are_refused_rather_than_answered_in_part(database):
    with pytest.raises(QueryError, match="has 2"):
        ask(database, "SELECT 1; SELECT 2;")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT folt FROM folds", '(?s)"folt" not found.*"fold"'),
        ("SELECT * FROM fold", r'Did you mean "folds"'),
        ("SELECT 'x'::INT", "Could not convert string"),
        ("SELECT ?", "not provided"),
    ],
)
def test_a_wrong_query_gets_the_message_of_duckdb(database, query, message):
    with pytest.raises(QueryError, match=message):
        ask(database, query)


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE t AS SELECT 1",
        "INSERT INTO folds VALUES ('d', 'real', 3)",
        "UPDATE folds SET fold = 1",
        "DELETE FROM folds",
        "DROP TABLE folds",
        "ALTER TABLE folds ADD COLUMN c INT",
    ],
)
def test_nothing_is_written(database, query):
    before = database.read_bytes()
    with pytest.raises(QueryError, match="read-only"):
        ask(database, query)
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    "query",
    [
        "COPY folds TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '{folder}/out.parquet' (FORMAT parquet)",
        "EXPORT DATABASE '{folder}/out'",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM glob('{folder}/*')",
        "ATTACH '{folder}/other.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM 'https://localhost:1/x.csv'",
    ],
)
def test_no_other_file_is_read_or_written(database, tmp_path, query):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(QueryError, match=r"disabled (by|through) configuration"):
        ask(database, query.format(folder=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


@pytest.mark.parametrize("query", ["SET enable_external_access = true", "RESET enable_external_access"])
def test_the_lock_cannot_be_opened(database, query):
    with pytest.raises(QueryError, match="locked"):
        ask(database, query)


def test_no_python_table_is_looked_at(database):
    secret = pl.DataFrame({"a": [1]})  # noqa: F841 - the query must not find it
    with pytest.raises(QueryError, match="secret does not exist"):
        ask(database, "FROM secret")


def test_pivot_is_one_statement(database):
    answered = ask(database, "PIVOT folds ON label USING COUNT(*) GROUP BY fold ORDER BY fold")
    assert answered == [{"fold": 1, "fake": 1, "real": 1}, {"fold": 2, "fake": 1, "real": 0}]


def test_a_query_that_is_no_text_is_refused(database):
    with pytest.raises(UnicodeError):
        ask(database, "SELECT '\udcff'")


def test_a_missing_database_says_which_pipeline_makes_it(tmp_path):
    for ask_anything in (lambda path: ask(path, "SELECT 1"), describe):
        with pytest.raises(QueryError, match=r"kedro run --pipelines reporting makes it; .* takes --data-root"):
            ask_anything(tmp_path / "results.duckdb")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_says_so(tmp_path):
    (tmp_path / "results.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(QueryError, match=r"(?s)not a valid DuckDB database.*makes it anew"):
        ask(tmp_path / "results.duckdb", "SELECT 1")


def test_the_description_counts_rows_and_says_where_it_stops(database):
    text = describe(database)
    assert "folds (3 rows): video_id, label, fold\n" in text
    assert 'feature_11 … all 100: kedro sql "DESCRIBE features_metadata"' in text
    for question in ready_questions().values():
        assert question.name in text
        assert question.title in text


# --- ready questions -------------------------------------------------------------------------------------------


def test_every_ready_question_begins_with_itself_in_words():
    files = {path.stem for path in (REPOSITORY / "src/fvc_kedro/questions").iterdir()}
    assert set(ready_questions()) == files
    for question in ready_questions().values():
        assert question.query.startswith("-- ")
        assert question.title.endswith("?")


def test_an_unknown_question_names_those_there_are():
    with pytest.raises(QueryError, match=r"no question 'worst'; there are: .*worst_groups"):
        ready_question("worst")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Ask a ready question of tables made for it."""

    def ask_of(name, **tables):
        path = tmp_path_factory.mktemp("made") / "results.duckdb"
        DuckDbDataset(filepath=str(path)).save(tables)
        return ask(path, ready_question(name))

    return ask_of


PREDICTIONS = pl.DataFrame(
    [
        ("a1", "real", "a", 1, 0.1, "real"),
        ("a2", "fake", "a", 1, 0.9, "fake"),
        ("b1", "real", "b", 2, 0.8, "fake"),
        ("b2", "fake", "b", 2, 0.3, "real"),
        ("b3", "fake", "b", 2, 0.8, "fake"),
        ("c1", "fake", "c", 2, 1.0, "fake"),
    ],
    schema=["video_id", "label", "group", "fold", "probability", "predicted"],
    orient="row",
).with_columns(margin=pl.col("probability") - 0.5, repeat=pl.lit(1), corpus=pl.lit("one"))
# In the second repeat b1 and c1 are judged otherwise, and folds have other numbers.
TWICE = pl.concat(
    [
        PREDICTIONS,
        PREDICTIONS.with_columns(
            repeat=pl.lit(2),
            fold=pl.col("fold") + 2,
            probability=pl.Series([0.1, 0.9, 0.1, 0.3, 0.6, 0.4]),
            predicted=pl.Series(["real", "fake", "real", "real", "fake", "real"]),
        ),
    ]
)
INDEX = PREDICTIONS.select("video_id", "label", "group").with_columns(
    video_path=pl.concat_str("video_id", pl.lit(".mp4")),
    manipulation=pl.when(pl.col("label") == "real").then(pl.lit("none")).otherwise(pl.lit("splice")),
    width=pl.Series([1280, 1280, 240, 240, 4000, 640]),
    height=pl.Series([720, 720, 426, 426, 2000, 300]),
)


def test_worst_groups_come_first(made):
    rows = made("worst_groups", oof_predictions=PREDICTIONS)
    assert [row["group"] for row in rows] == ["b", "a", "c"]
    worst = {"n_videos": 3, "n_real": 1, "n_fake": 2, "real_called_fake": 1.0, "fake_called_real": 0.5, "roc_auc": 0.25}
    assert rows[0] == pytest.approx(worst | {"group": "b", "error_rate": 2 / 3})
    assert [row["roc_auc"] for row in rows[1:]] == [1.0, None]


def test_groups_are_ranked_within_each_repeat_and_count_a_video_once(made):
    rows = {row["group"]: row for row in made("worst_groups", oof_predictions=TWICE)}
    # b1 is right in one repeat of two; of the pairs of b, 0.5 of 2 are ranked right in the first and 2 in the second.
    expected = {"n_videos": 3, "n_real": 1, "n_fake": 2, "real_called_fake": 0.5, "fake_called_real": 0.5}
    assert rows["b"] == pytest.approx(expected | {"group": "b", "error_rate": 0.5, "roc_auc": (0.25 + 1) / 2})
    assert (rows["c"]["n_videos"], rows["c"]["error_rate"]) == (1, 0.5)


QUESTIONS_ON_PREDICTIONS = [
    "calibration",
    "experts",
    "manipulations_missed",
    "most_confident_mistakes",
    "resolution_against_error",
    "worst_groups",
]


def test_every_question_on_predictions_is_listed_here():
    asking = {name for name, question in ready_questions().items() if "oof_predictions" in question.query}
    assert asking == set(QUESTIONS_ON_PREDICTIONS)


@pytest.mark.parametrize("name", QUESTIONS_ON_PREDICTIONS)
def test_a_video_of_three_equal_repeats_counts_as_one(made, name):
    predictions = PREDICTIONS.with_columns(face=pl.col("margin"))
    thrice = pl.concat([predictions.with_columns(repeat=pl.lit(n)) for n in (1, 2, 3)])
    first, more = (made(name, oof_predictions=table, corpus_index=INDEX) for table in (predictions, thrice))
    assert first
    for row, same in zip(first, more, strict=True):
        numbers = {key for key, value in row.items() if isinstance(value, float)}
        assert {key: row[key] for key in numbers} == pytest.approx({key: same[key] for key in numbers})
        assert {key: row[key] for key in row.keys() - numbers} == {key: same[key] for key in row.keys() - numbers}


def test_resolution_is_the_shorter_side_in_bands_from_low_to_high(made):
    rows = made("resolution_against_error", oof_predictions=PREDICTIONS, corpus_index=INDEX)
    assert [(row["short_side"], row["n_videos"], row["error_rate"]) for row in rows] == [
        ("240 to 359", 3, pytest.approx(2 / 3)),
        ("720 to 1079", 2, 0.0),
        ("1080 and more", 1, 0.0),
    ]
    assert rows[1]["brier"] == pytest.approx(0.01)


def test_errors_by_resolution_are_means_over_the_repeats(made):
    rows = made("resolution_against_error", oof_predictions=TWICE, corpus_index=INDEX)
    last = rows[-1]
    assert (last["short_side"], last["n_videos"]) == ("1080 and more", 1)
    assert last["error_rate"] == 0.0
    small = rows[0]
    assert (small["n_videos"], small["n_real"], small["n_fake"]) == (3, 1, 2)
    assert small["brier"] == pytest.approx((0.8**2 + 0.1**2 + 2 * 0.7**2 + 0 + 0.6**2) / 6)


def test_the_surest_mistakes_come_first(made):
    rows = made("most_confident_mistakes", oof_predictions=PREDICTIONS, corpus_index=INDEX)
    assert [row["video_path"] for row in rows] == ["b1.mp4", "b2.mp4"]
    assert [row["folds"] for row in rows] == [[2], [2]]


def test_a_mistake_is_one_of_the_mean_over_the_repeats(made):
    rows = made("most_confident_mistakes", oof_predictions=TWICE, corpus_index=INDEX)
    # b1 (0.8, then 0.1) and c1 (1.0, then 0.4) are right on average.
    assert [(row["video_path"], row["wrong"], row["folds"]) for row in rows] == [("b2.mp4", 1.0, [2, 4])]
    assert rows[0]["probability_of_fake"] == pytest.approx(0.3)


def test_manipulations_that_pass_come_first(made):
    rows = made("manipulations_missed", oof_predictions=PREDICTIONS, corpus_index=INDEX)
    assert [(row["manipulation"], row["n_videos"], row["called_fake"]) for row in rows] == [
        ("splice", 4, 0.75),
        ("none", 2, 0.5),
    ]


def test_manipulations_count_each_video_once_with_its_mean_over_the_repeats(made):
    fake, real = made("manipulations_missed", oof_predictions=TWICE, corpus_index=INDEX)
    assert (fake["n_videos"], real["n_videos"]) == (4, 2)
    assert fake["called_fake"] == pytest.approx((1 + 0 + 1 + 0.5) / 4)
    assert fake["mean_probability_of_fake"] == pytest.approx((0.9 + 0.3 + 0.7 + 0.7) / 4)
    assert fake["median_probability_of_fake"] == pytest.approx(0.7)
    assert real["called_fake"] == pytest.approx(0.25)


def test_calibration_has_a_row_a_tenth_and_one_is_in_the_last(made):
    rows = made("calibration", oof_predictions=PREDICTIONS)
    assert [(row["probability_from"], row["n_videos"]) for row in rows] == [(0.1, 1), (0.3, 1), (0.8, 2), (0.9, 2)]
    assert rows[2]["share_of_fake"] == 0.5


def test_calibration_parts_the_videos_over_the_tenths_of_their_repeats(made):
    rows = {row["probability_from"]: row for row in made("calibration", oof_predictions=TWICE)}
    assert {tenth: row["n_videos"] for tenth, row in rows.items()} == {
        0.1: 1.5, 0.3: 1.0, 0.4: 0.5, 0.6: 0.5, 0.8: 1.0, 0.9: 1.5
    }  # fmt: skip
    assert rows[0.1]["mean_probability"] == pytest.approx(0.1)
    assert rows[0.9]["mean_probability"] == pytest.approx((0.9 + 0.9 + 1.0) / 3)
    assert rows[0.8]["share_of_fake"] == 0.5


def test_experts_are_told_by_what_they_add_on_fakes_and_on_real_videos(made):
    # The videos are a1 (real), a2 (fake), b1 (real), b2, b3, c1 (fake), twice.
    evidence = {
        "weak": [0.0] * 12,
        "strong": [-2.0, 3, -1, 1, 1, 1, -2, 3, -3, 1, 1, None],
        "absent": pl.Series([None] * 12, dtype=pl.Float64),
        "on fakes": [None, 1.0, None, 2, 3, 4, None, 1.0, None, 2, 3, 4],
    }
    rows = made("experts", oof_predictions=TWICE.with_columns(**{name: pl.Series(v) for name, v in evidence.items()}))
    assert [row["expert"] for row in rows] == ["strong", "weak", "absent", "on fakes"]
    strong, weak, absent, on_fakes = rows
    assert strong["evidence_on_fake"] == pytest.approx((3 + 1 + 1 + 1) / 4)
    assert strong["evidence_on_real"] == pytest.approx((-2 - 2) / 2)
    assert [strong[name] for name in ("abstains", "abstains_on_fake", "abstains_on_real")] == [0.5 / 6, 0.5 / 4, 0.0]
    assert (weak["evidence_on_fake"], weak["abstains"]) == (0.0, 0.0)
    assert (absent["evidence_on_fake"], absent["evidence_on_real"], absent["abstains"]) == (None, None, 1.0)
    assert (on_fakes["evidence_on_fake"], on_fakes["evidence_on_real"]) == (2.5, None)
    assert (on_fakes["abstains_on_fake"], on_fakes["abstains_on_real"]) == (0.0, 1.0)


def test_class_balance_names_the_fold_of_each_repeat_and_counts_a_video_once(made):
    videos = PREDICTIONS.select("video_id", "label", "group", "fold")
    folds = pl.concat(
        [videos.with_columns(pl.lit(repeat).alias("repeat"), pl.col("fold") + 2 * (repeat - 1)) for repeat in (1, 2, 3)]
    )
    rows = made("class_balance", folds=folds.sample(fraction=1.0, shuffle=True, seed=1))
    assert [tuple(row.values()) for row in rows] == [
        ("b", 3, 1, 2, [2, 4, 6]),
        ("a", 2, 1, 1, [1, 3, 5]),
        ("c", 1, 0, 1, [2, 4, 6]),
    ]


def test_grid_choices_are_told_for_each_search_with_the_final_one_last(made):
    points = [
        # repeat, fold, kernel, C, mean, std, chosen
        (2, 3, "rbf", 1.0, 0.80, 0.05, False),
        (2, 3, "rbf", 10.0, 0.90, 0.04, True),
        (2, 3, "linear", 0.1, 0.85, 0.03, False),
        (None, None, "rbf", 1.0, 0.70, 0.02, True),
        (None, None, "linear", 0.1, 0.71, 0.01, False),
        (1, 2, "linear", 0.1, 0.60, 0.06, True),
    ]
    columns = ["repeat", "fold", "kernel", "C", "mean_roc_auc", "std_roc_auc", "chosen"]
    grid = pl.DataFrame(points, schema=columns, orient="row").with_columns(n_videos=pl.lit(40))
    rows = made("grid_choices", grid_search=grid)
    assert [(row["repeat"], row["fold"], row["n_points"]) for row in rows] == [(1, 2, 1), (2, 3, 3), (None, None, 2)]
    assert [(row["kernel"], row["C"], row["std_roc_auc"]) for row in rows] == [
        ("linear", 0.1, 0.06),
        ("rbf", 10.0, 0.04),
        ("rbf", 1.0, 0.02),
    ]
    assert rows[0]["lead_over_best_other"] is None
    assert [row["lead_over_best_other"] for row in rows[1:]] == pytest.approx([0.05, -0.01])


def test_fold_stability_is_over_the_folds_of_all_repeats(made):
    names = ["average_precision", "f1", "accuracy", "balanced_accuracy", "brier", "log_loss"]
    results = pl.DataFrame({"repeat": [1, 1, 2, 2], "fold": [1, 2, 3, 4], "test_roc_auc": [0.5, None, 0.9, 0.7]})
    results = results.with_columns(pl.lit(0.25).alias(f"test_{name}") for name in names)
    rows = {row["metric"]: row for row in made("fold_stability", results=results)}
    assert len(rows) == 7
    assert rows["test_roc_auc"] == pytest.approx(
        {"metric": "test_roc_auc", "n_folds": 3, "mean": 0.7, "std": 0.2, "lowest": 0.5, "highest": 0.9}
        | {"lowest_in_fold": 1, "highest_in_fold": 3}
    )
    assert (rows["test_f1"]["n_folds"], rows["test_f1"]["std"]) == (4, 0.0)


def test_failures_are_counted_by_what_stands_before_the_colon(made):
    rejected = pl.DataFrame({"video_path": ["b", "a", "c"], "reason": ["damaged: x", "damaged: y", "too long"]})
    failed = pl.DataFrame({"video_path": ["d"], "reason": ["TimeoutError: 3 s"]})
    rows = made(
        "failures_by_reason", rejected_videos=rejected, failed_videos=failed, failed_scaled_videos=failed.clear()
    )
    assert [tuple(row.values()) for row in rows] == [
        ("ingestion", "damaged", 2, "a", "damaged: y"),
        ("feature_engineering", "TimeoutError", 1, "d", "TimeoutError: 3 s"),
        ("ingestion", "too long", 1, "c", "too long"),
    ]


def test_effect_sizes_are_cohens_d_over_all_and_within_groups(made):
    table = pl.DataFrame(
        {
            "video_id": [*"abcdefgh"],
            "label": ["real", "fake"] * 4,
            "group": ["p", "p", "q", "q", "r", "r", "s", "s"],
            "corpus": ["one"] * 8,
            "strong": [0.0, 10, 1, 11, 2, 12, 3, 16],
            "within_only": [0.0, 1, 100, 101.5, 200, 201, 300, 301],
            "weak": [0.0, 1, 1, 0, 0, 1, 1, 1],
            "constant": [1.0] * 8,
            "rare": [0.0, 9.0, None, None, None, None, float("nan"), 9.1],
            "none": pl.Series([None] * 8, dtype=pl.Float64),
        }
    )
    rows = {row["feature"]: row for row in made("features_that_separate_most", features_metadata=table)}
    assert list(rows) == ["strong", "weak", "within_only", "constant"]
    real, fake = (table.filter(label=label)["strong"] for label in ("real", "fake"))
    pooled = ((real.var() + fake.var()) / 2) ** 0.5
    assert rows["strong"]["cohens_d"] == pytest.approx((fake.mean() - real.mean()) / pooled)
    differences = pl.Series([1.0, 1.5, 1.0, 1.0])
    assert rows["within_only"]["within_groups"] == pytest.approx(differences.mean() / differences.std())
    assert rows["within_only"]["cohens_d"] < 0.02
    assert rows["constant"]["cohens_d"] is None
    assert rows["strong"]["n_groups"] == 4


def test_missing_features_are_told_by_class(made):
    table = pl.DataFrame(
        {
            "video_id": [*"abcd"],
            "label": ["real", "real", "fake", "fake"],
            "group": ["p"] * 4,
            "corpus": ["one"] * 4,
            "there": [0.0, 1, 2, 3],
            "both": [None, 1.0, 2.0, float("nan")],
            "fake_only": [0.0, 1, None, None],
        }
    )
    rows = made("missing_features", features_metadata=table)
    assert [tuple(row.values()) for row in rows] == [
        ("fake_only", 2, 0.5, 0.0, 1.0, 1.0),
        ("both", 2, 0.5, 0.5, 0.5, 0.0),
    ]


def test_shortcuts_in_the_encoding_are_told(made):
    index = pl.DataFrame(
        {"label": ["real", "fake"] * 3, "bytes": [1, 9, 2, 9, 3, 12], "width": [640] * 6, "height": [480] * 6}
        | {"fps": [25.0] * 6, "n_frames": [50] * 6, "duration_s": [2.0] * 6, "bitrate": [None, 4.0, 2, 3, 1, 1]}
    )
    rows = made("encoding_shortcuts", corpus_index=index)
    assert [row["fact"] for row in rows[:2]] == ["bytes", "bitrate"]
    assert rows[0]["cohens_d"] == pytest.approx(8 / 2**0.5)
    assert (rows[1]["n_real"], rows[1]["n_fake"]) == (2, 3)


@pytest.fixture(scope="module")
def tiny(tiny_run):
    """Ask a ready question of the tiny run."""
    path = Path(tiny_run["data_root"]) / "08_reporting/results.duckdb"
    return lambda name: ask(path, ready_question(name))


@pytest.fixture(scope="module")
def table(tiny_run, load_dataset):
    return lambda name: load_dataset(name, **tiny_run)


@pytest.mark.parametrize("name", ready_questions())
def test_every_ready_question_is_answered_on_a_run(tiny, name):
    rows = tiny(name)
    assert rows or name in {"failures_by_reason", "most_confident_mistakes", "missing_features"}


def test_fold_stability_agrees_with_scikit_learn(tiny, table):
    """Over the folds of all repeats."""
    judged = table("method_predictions").filter(method="svm")
    figures = []
    for (_, fold), tested in judged.group_by("repeat", "fold"):
        y, p = (tested["label"] == "fake").to_numpy(), tested["probability"].to_numpy()
        figures.append((fold, f1_score(y, p >= 0.5), roc_auc_score(y, p), brier_score_loss(y, p)))
    expected = pl.DataFrame(figures, schema=["fold", "test_f1", "test_roc_auc", "test_brier"], orient="row")
    rows = {row["metric"]: row for row in tiny("fold_stability")}
    for name in ("test_f1", "test_roc_auc", "test_brier"):
        values = expected[name]
        assert rows[name]["n_folds"] == len(values) == 6
        assert rows[name]["mean"] == pytest.approx(values.mean())
        assert rows[name]["std"] == pytest.approx(values.std())
        assert (rows[name]["lowest"], rows[name]["highest"]) == pytest.approx((values.min(), values.max()))
        lowest = expected.filter((pl.col(name) - values.min()).abs() < 1e-9)["fold"].to_list()
        assert rows[name]["lowest_in_fold"] in lowest


def test_groups_agree_with_the_headline(tiny, table):
    aucs = [row["roc_auc"] for row in tiny("worst_groups")]
    assert sum(aucs) / len(aucs) == pytest.approx(table("evaluation_summary")["mean_group_auc"])


def test_class_balance_agrees_with_the_corpus(tiny):
    rows = tiny("class_balance")
    assert [(row["group"], row["n_real"], row["n_fake"]) for row in rows] == [(f"group {n}", 1, 1) for n in range(6)]
    for row in rows:
        first, second = row["folds"]
        assert first in (1, 2, 3)
        assert second in (4, 5, 6)


def test_grid_choices_are_the_chosen_points(tiny, table):
    names = ["repeat", "fold", "kernel", "C", "mean_roc_auc", "std_roc_auc", "n_videos"]
    chosen = table("grid_search").filter("chosen").sort("fold", nulls_last=True)
    assert [[row[name] for name in names] for row in tiny("grid_choices")] == [
        list(row) for row in chosen[names].rows()
    ]
    assert len(chosen) == 7


def test_experts_agree_with_polars(tiny, table):
    predictions = table("oof_predictions")
    rows = {row["expert"]: row for row in tiny("experts")}
    assert set(rows) == set(predictions.columns[9:])
    for expert, row in rows.items():
        for label in ("fake", "real"):
            evidence = predictions.filter(label=label)[expert]
            assert row[f"evidence_on_{label}"] == pytest.approx(evidence.mean())
            assert row[f"abstains_on_{label}"] == evidence.is_null().mean()


def test_the_strongest_feature_agrees_with_polars(tiny, table):
    features = table("features_metadata")
    strongest = tiny("features_that_separate_most")[0]
    real, fake = (features.filter(label=label)[strongest["feature"]] for label in ("real", "fake"))
    pooled = (((len(real) - 1) * real.var() + (len(fake) - 1) * fake.var()) / (len(real) + len(fake) - 2)) ** 0.5
    assert strongest["cohens_d"] == pytest.approx((fake.mean() - real.mean()) / pooled)
