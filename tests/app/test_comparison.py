"""Runs side by side as data: figures, kinds, the best, differences, and what sets runs apart."""

from __future__ import annotations

import csv
import io
from dataclasses import fields

import pytest

from app import comparison_words as words
from app.comparison import NAMES, SETTINGS, Compared, Member, Row, compare_runs, settings
from app.comparison_figures import SPECS, changed, written
from app.text_difference import compare_texts
from engine.metrics import Figures, figures
from engine.trace import Run
from tests.app.traces import make_trace
from tests.app.wordy_runs import MS, wordy_run

TEXT = "the old lighthouse on the island opens again on Saturday"


def member(name: str = "run", **options) -> Member:
    """A speculative run with its baseline."""
    run = wordy_run(TEXT, **{"gamma": 3, **options})
    keep = ("prompt", "temperature", "target", "simulated", "synthetic")
    plain = wordy_run(TEXT, **{k: v for k, v in options.items() if k in keep})
    return Member(name, run, plain)


def row_of(compared: Compared, name: str) -> Row:
    return next(row for row in compared.rows if row.name == name)


def best_of(compared: Compared, name: str) -> list[bool]:
    return [value.best for value in row_of(compared, name).values]


# Figures


def test_every_figure_of_the_metrics_has_a_row():
    shown = {
        "tokens": "Tokens", "rounds": "Rounds", "drafted": "Drafted", "accepted": "Accepted",
        "rejected": "Rejected", "discarded": "Discarded", "resampled": "Resampled",
        "bonus": "Bonus", "acceptance_rate": "Acceptance rate α",
        "draft_efficiency": "Draft efficiency", "tokens_per_pass": "Tokens per pass τ",
        "tokens_per_second": "Tokens/s", "compared_tokens": "Compared tokens",
        "baseline_tokens_per_second": "Baseline tokens/s", "speedup": "Speedup",
        "draft_s": "Draft", "verify_s": "Verify", "host_s": "Host", "prefill_s": "Prefill",
    }  # fmt: skip
    flags = {"is_baseline", "simulated", "synthetic"}
    assert {field.name for field in fields(Figures)} == set(shown) | flags
    trace = make_trace(rounds=12, acceptance=0.7)
    one = Member("one", trace.runs[1], trace.runs[0])
    compared = compare_runs([one])
    now = figures(one.run, one.baseline)
    for field, name in shown.items():
        assert row_of(compared, name).values[0].number == getattr(now, field), name


def test_names_are_told_apart():
    assert len({spec.name for spec in SPECS}) == len(SPECS)


def test_kinds():
    compared = compare_runs([member()])
    kinds = {row.name: row.kind for row in compared.figures}
    modelled = {"Modelled speedup", "Verify-aware ceiling", "Best γ"}
    assert {name for name, kind in kinds.items() if kind == "modelled"} <= modelled
    assert kinds["Speedup"] == kinds["Tokens"] == "measured"
    toy = compare_runs([member(simulated=True)])
    assert row_of(toy, "Speedup").kind == "simulated"
    assert row_of(toy, "Acceptance rate α").kind == "measured", "counting needs no clock"


def test_simulated_times_stand_beside_measured_ones_without_a_word():
    compared = compare_runs([member(), member(simulated=True, pass_ns=2 * MS)])
    row = row_of(compared, "Tokens/s")
    assert row.mixed
    assert [value.change for value in row.values] == ["", ""]
    assert [row.note(value) for value in row.values] == ["measured", "simulated"]
    assert not any(value.best for value in row.values)
    assert not any(best_of(compared, "Modelled speedup"))
    assert row_of(compared, "Drafted").values[1].change == "±0"


def test_what_made_up_weights_accept_is_simulated():
    synthetic = member(synthetic=True)
    kinds = {row.name: row.kind for row in compare_runs([synthetic]).figures}
    assert kinds["Speedup"] == kinds["Verify"] == kinds["Drafted"] == "measured"
    assert kinds["Acceptance rate α"] == kinds["Tokens per pass τ"] == "simulated"
    assert kinds["Accepted"] == kinds["Rounds"] == kinds["Bonus"] == "simulated"
    row = row_of(compare_runs([member(), synthetic]), "Acceptance rate α")
    assert [row.note(value) for value in row.values] == ["measured", "simulated"]
    assert not any(value.best for value in row.values)


def test_the_best_of_a_row():
    slow, fast = member(pass_ns=20 * MS), member(pass_ns=10 * MS)
    compared = compare_runs([slow, fast])
    assert best_of(compared, "Tokens/s") == [False, True]
    assert best_of(compared, "Decode time") == [False, True]
    assert best_of(compared, "Verify") == [False, False], "neutral"


def test_times_that_are_even_are_all_the_best():
    runs = [member(pass_ns=ns) for ns in (10 * MS, 10 * MS + MS // 10, 20 * MS)]
    assert best_of(compare_runs(runs), "Tokens/s") == [True, True, False]
    assert best_of(compare_runs(runs[:2]), "Tokens/s") == [False, False], "nobody is better"


def test_less_work_is_no_better_work():
    short = Member("short", wordy_run("the old", gamma=3))
    compared = compare_runs([member(), short])
    assert best_of(compared, "Decode time") == [False, False]
    assert row_of(compared, "Decode time").better is None
    assert row_of(compare_runs([member(), member()]), "Decode time").better == "lower"


def test_differences_to_the_reference():
    first, second = member(pass_ns=10 * MS), member(pass_ns=20 * MS, gamma=2)
    row = row_of(compare_runs([first, second]), "Rounds")
    a, b = (value.number for value in row.values)
    assert a is not None
    assert b is not None
    assert [value.difference for value in row.values] == [None, b - a]
    assert [value.change for value in row.values] == ["", f"+{b - a:.0f}"]
    row = row_of(compare_runs([first, second], reference=1), "Rounds")
    assert [value.change for value in row.values] == [f"−{b - a:.0f}", ""]


def test_what_is_not_defined_is_not_made_up():
    plain = Member("plain", wordy_run(TEXT))
    row = row_of(compare_runs([plain, member()]), "Speedup")
    assert row.values[0].number is None
    assert row.values[0].text == "–"
    assert row.values[1].change == "", "there is nothing to compare it with"


@pytest.mark.parametrize(
    ("number", "base", "form", "said"),
    [
        (12, 10, "count", "+2"),
        (10, 10, "count", "±0"),
        (0.5, 0.75, "share", "−0.25"),
        (110.0, 100.0, "rate", "+10 %"),
        (99.9, 100.0, "rate", "±0 %"),
        (420.0, 100.0, "rate", "4.2×"),
        (2_910.0, 1.0, "seconds", "2,910×"),
        (1.0, 0.0, "seconds", ""),
    ],
)
def test_how_differences_are_written(number, base, form, said):
    assert changed(number, base, form) == said


@pytest.mark.parametrize(
    ("number", "form", "said"),
    [
        (1234, "count", "1,234"),
        (0.9625, "share", "0.96"),
        (1.5547, "ratio", "1.55×"),
        (241.4, "rate", "241"),
        (0.381, "seconds", "381 ms"),
        (5.75, "number", "5.75"),
        (1234.5, "number", "1,234"),
    ],
)
def test_how_figures_are_written(number, form, said):
    assert written(number, form) == said


# Settings


def test_what_differs_and_what_is_shared():
    compared = compare_runs([member(gamma=3), member(gamma=5)])
    assert [row.name for row in compared.settings] == ["γ"]
    assert [value.text for value in compared.settings[0].values] == ["3", "5"]
    assert compared.settings[0].group == SETTINGS
    shared = dict(compared.shared)
    assert shared["Prompt"] == "Write a story"
    assert shared["Temperature"] == "0 (greedy)"
    assert "γ" not in shared


def test_plain_decoding_has_no_rule():
    compared = compare_runs([Member("plain", wordy_run(TEXT)), member()])
    told = {row.name: [value.text for value in row.values] for row in compared.settings}
    assert told["Drafter"] == ["plain decoding", "draft model"]
    assert told["γ"] == ["0", "3"]
    assert told["Rule"] == ["–", "rejection"]


@pytest.mark.parametrize(
    ("options", "name", "said"),
    [
        ({"rule": "lenient", "lenience": 0.5}, "Rule", "lenient (lenience 0.5)"),
        ({"rule": "typical"}, "Rule", "typical (ε 0.09, δ 0.3)"),
        ({"length_policy": "confidence"}, "Length policy", "confidence (threshold 0.4)"),
        ({"drafter": "ngram"}, "Match length", "1 to 4"),
        ({"temperature": 0.8, "seed": 7}, "Seed", "7"),
        ({"temperature": 0.8, "top_k": 40, "top_p": 0.9}, "Filters", "top-k 40 top-p 0.9"),
        ({"branches": (3, 2)}, "Branches", "3·2"),
    ],
)
def test_settings(options, name, said):
    assert settings(wordy_run(TEXT, gamma=3, **options))[name] == said


def test_every_setting_has_a_place_in_the_table():
    runs = [
        wordy_run(TEXT, gamma=3, drafter="ngram", branches=(2,), temperature=1.0, top_k=5, seed=3),
        wordy_run(TEXT, gamma=3),
        make_trace(rounds=3).runs[-1],
    ]
    assert {name for run in runs for name in settings(run)} <= set(NAMES)


def test_nothing_and_one():
    assert compare_runs([]).rows == ()
    one = compare_runs([member()])
    assert one.settings == ()
    assert not any(value.best or value.change for row in one.rows for value in row.values)


# Words


def test_how_unlike_the_runs_are():
    one = member()
    assert words.summary([]) == "0 runs"
    assert words.summary([one]) == "1 run"
    assert words.summary([one, member(gamma=5)]) == "2 runs, like for like"
    other = member(prompt="Sing a song", cpu="Another", target="Other")
    said = "2 runs · different prompts, targets and machines"
    assert words.summary([one, other]) == said
    seeds = [member(temperature=0.8, seed=seed) for seed in (1, 2)]
    assert words.unlike(seeds) == ["seeds"]
    assert words.unlike([one, seeds[0]]) == ["sampling"]


def test_made_up_weights_are_marked():
    remark = "simulated acceptance, measured time"
    synthetic = member(synthetic=True)
    assert words.summary([synthetic]) == f"1 run · {remark}"
    assert words.summary([member(), synthetic]) == f"2 runs, like for like · {remark}"


def test_what_a_run_is_called():
    assert words.name_of(wordy_run(TEXT)) == "Plain decoding"
    assert words.name_of(wordy_run(TEXT, gamma=4)) == "Draft model · γ 4"
    assert words.name_of(wordy_run(TEXT, gamma=4, drafter="ngram")) == "n-gram · γ 4"


def said_of(first: Run, second: Run) -> words.Said:
    found = compare_texts(first, second)
    return words.said(Member("a", first), Member("b", second), "A", "B", found)


def test_the_first_difference_is_named():
    other = TEXT.replace("opens", "closes")
    said = said_of(wordy_run(TEXT), wordy_run(other, gamma=2))
    assert said.short == "parts at 7"
    assert said.whole == (
        "B parts from A at token 7: A has “␣opens”, B “␣closes”, "
        "after “the old lighthouse on the island”."
    )
    assert "numerical tie" in said.reason
    assert said.tone == "warn"


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({}, {"temperature": 0.8}, "Sampled in different ways"),
        ({"temperature": 0.8}, {"temperature": 0.8}, "the same distribution"),
        ({}, {"target": "Other"}, "Different targets"),
        ({}, {"rule": "typical", "lossless": False}, "Typical is not lossless"),
    ],
)
def test_why_texts_differ(first, second, reason):
    said = said_of(wordy_run(TEXT, **first), wordy_run("the new", gamma=2, **second))
    assert reason in said.reason
    assert "tie" not in said.reason


def test_long_texts_are_compared_in_part():
    first, second = wordy_run("a b c d e"), wordy_run("a x y z w")
    found = compare_texts(first, second, limit=2)
    said = words.said(Member("a", first), Member("b", second), "A", "B", found)
    assert said.whole.endswith("Compared up to token 3; the rest is grey.")


def test_texts_that_agree():
    said = said_of(wordy_run(TEXT), wordy_run(TEXT, gamma=3))
    assert (said.short, said.tone) == ("same 10 tokens", "good")
    said = said_of(wordy_run(TEXT), wordy_run("the old", gamma=3))
    assert said.short == "agrees for 2 tokens"


def test_texts_that_are_not_compared():
    assert said_of(wordy_run(TEXT), wordy_run(TEXT, prompt="Sing")).short == "another prompt"
    assert said_of(wordy_run(TEXT), wordy_run(TEXT, prompt_ids=(1,))).short == "other tokens"


# The table elsewhere


def test_markdown():
    compared = compare_runs([member("slow|er", pass_ns=20 * MS), member("fast")])
    lines = words.markdown(compared, compared.figures).splitlines()
    assert lines[0] == "| Figure | Kind | A: slow\\|er (reference) | B: fast |"
    assert len(lines) == 2 + len(compared.figures)
    rates = next(line for line in lines if line.startswith("| Tokens/s"))
    assert rates.count("**") == 2
    assert "measured" in rates


def test_csv_holds_the_numbers_in_full():
    compared = compare_runs([member(), member("x, y", gamma=5)])
    rows = list(csv.reader(io.StringIO(words.csv_table(compared, compared.rows))))
    assert rows[0] == ["group", "figure", "kind", "A: run (reference)", "B: x, y"]
    by_name = {row[1]: row for row in rows}
    now = figures(*compared.members[0][1:3])
    assert float(by_name["Tokens/s"][3]) == pytest.approx(now.tokens_per_second, rel=1e-5)
    assert by_name["γ"][2:] == ["setting", "3", "5"]
    assert {len(row) for row in rows} == {5}


def test_html_is_escaped():
    compared = compare_runs([member("<b>")])
    assert "<b>" not in words.html_table(compared, compared.rows)


def test_a_long_prompt_is_cut_in_the_line_of_shared_settings():
    compared = compare_runs([member(prompt="word " * 40)])
    assert len(words.shared(compared).split(" · ")[0]) < 80
    assert dict(compared.shared)["Prompt"] == ("word " * 40).strip()
