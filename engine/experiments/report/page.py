"""report.html: what an experiment found, in one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.experiments.report import charts, tables
from engine.experiments.report.markup import Book, Html, join, tag
from engine.experiments.report.names import Names, all_runs, keys_of, names_of
from engine.experiments.report.style import CSS
from engine.experiments.report.whole import write_whole
from engine.experiments.results import CellResult, Results, grouped

HTML = "report.html"
EVEN = (0.97, 1.03)

DEFINITIONS = (
    ("acceptance rate α", "accepted ÷ (accepted + rejected). Never with discarded tokens in it."),
    ("draft efficiency", "accepted ÷ drafted (what most tools call acceptance)."),
    ("tokens per pass τ", "tokens emitted ÷ target passes, rounds without a proposal included."),
    (
        "speedup (measured)",
        "tokens/s ÷ baseline tokens/s: same engine, prompt, sampler and token count, prefill "
        "excluded, device synchronised. The baseline is plain decoding (γ = 0) in the same block. "
        "With a toy model the times are no real model's, and the speedup is called simulated.",
    ),
    (
        "speedup (modelled)",
        "E·t_plain ÷ (γ·t_draft + T_v(γ+1) + t_host), both sides summed over the run's own "
        "proposals. E is the expected tokens per round at the run's α; T_v(k) and, where it was "
        "measured, t_draft come from the calibration; t_host and T_v(1)'s host time from the run "
        "and its baseline.",
    ),
    ("verify cost T_v(k)", "time of one target pass over k tokens, measured before the runs."),
    (
        "median and interval",
        "The value of a cell is the median over its repeats (α, draft efficiency and τ: the ratio "
        "of the sums). A table shows the median over prompts; the 95 % interval is that of order "
        "statistics, and the extremes where there are too few prompts (fewer than six) for one.",
    ),
)


def write_report(results: Results) -> Path:
    """Write DIR/report.html: every figure rounded as text, and unrounded in its JSON block
    (id "figures"). Raises RecordingError."""
    return write_whole(results.folder / HTML, page(results))


def page(results: Results) -> Html:
    """The whole page. results: as `read_results` gives them."""
    book, names = Book(), names_of(results)
    title = results.spec.title or results.folder.name
    parts: list[Html] = [
        tag("h1", title),
        tag("p", _extent(results), class_="dim"),
        *_verdicts(book, names, results),
        _about(names, results),
        *_settings(book, names, results),
    ]
    if (matrix := tables.pair_matrix(book, names, results)) is not None:
        parts += [tag("h2", "Pair matrix"), matrix]
    parts += _modelled(book, names, results)
    parts += _calibrations(book, results)
    parts.append(tag("h2", "Refused and failed cells"))
    parts.append(tables.problems_table(names, results) or tag("p", "None.", class_="dim"))
    parts += [tag("h2", "Definitions"), _list(DEFINITIONS), *_recompute(), book.script()]
    head = join(
        [
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            tag("title", f"{title} – Draftscope"),
            Html(f"<style>{CSS}</style>"),
        ]
    )
    whole = tag("html", tag("head", head), "\n", tag("body", *parts), lang="en-GB")
    return Html(f"<!DOCTYPE html>\n{whole}\n")


def _extent(results: Results) -> str:
    prompts = len({cell.prompt for cell in results.cells.values()})
    return (
        f"Draftscope experiment: {len(results.settings())} settings, {prompts} prompts, "
        f"{results.n_runs} runs on record, baselines included."
    )


def _targets(results: Results) -> Iterator[tuple[str, list[CellResult]]]:
    for (target,), cells in grouped(results.cells.values(), "target").items():
        yield str(target), cells


def _verdicts(book: Book, names: Names, results: Results) -> Iterator[Html]:
    for target, cells in _targets(results):
        name, best = names.target(target), tables.best_of(cells)
        if best is None:
            yield tag("p", f"{name}: nothing has been measured yet.", class_="verdict")
            continue
        setting, found = best
        kind = names.kind(target)
        shown = book.show("verdict", {"target": target, **keys_of(setting)}, "speedup", found,
                          ".2f", unit="×", spread=True, element="strong", class_="n")  # fmt: skip
        if found.median > EVEN[1]:
            words = f"{name} is fastest with {names.setting(setting)}: "
        elif found.median >= EVEN[0]:
            words = f"No setting changes much for {name}. The best is {names.setting(setting)}: "
        else:
            words = f"Plain decoding is fastest for {name}. Next is {names.setting(setting)}: "
        unsure = " The interval includes 1, so this is not certain."
        yield tag(
            "p",
            words,
            shown,
            f" of plain decoding's tokens/s ({kind}; median over {found.n} prompts).",
            unsure if found.low <= 1 <= found.high else "",
            class_="verdict",
        )


def _about(names: Names, results: Results) -> Html:
    spec = results.spec
    runs = all_runs(results)
    models = dict.fromkeys(m for r in runs for m in (r.models.target, r.models.draft) if m)
    threads = sorted({m.threads for m in models if m.threads})
    pairs: list[tuple[str, str]] = []
    for host in results.hosts:
        words = [host.cpu, f"{host.cores} cores", f"{host.memory_bytes / 2**30:.0f} GiB"]
        words += [*host.gpus, host.system, f"Python {host.python}", f"Draftscope {host.draftscope}"]
        pairs.append(("machine", ", ".join(words)))
    for model in models:
        words = [model.name, model.quantisation, model.device, model.library]
        pairs.append(("model", ", ".join(word for word in words if word)))
    choice = spec.prompts
    prompts = Path(choice.file).name if choice.file else "the suite that ships"
    pairs += [
        ("threads", ", ".join(map(str, threads)) or str(spec.threads or "default")),
        ("target", ", ".join(map(names.target, spec.target))),
        ("draft", ", ".join(map(names.draft, spec.draft)) or "none"),
        ("drafter", ", ".join(spec.drafter)),
        ("γ", ", ".join(map(str, spec.gamma))),
        ("T", ", ".join(f"{t:g}" for t in spec.temperature)),
        ("rule", ", ".join(spec.rule)),
        ("length policy", ", ".join(spec.length_policy)),
        ("prompts", ": ".join(filter(None, (prompts, ", ".join(choice.kinds))))),
        (
            "sampler",
            f"top-k {spec.top_k}, top-p {spec.top_p:g}, seed {spec.seed}, "
            f"{spec.max_tokens} tokens at most, {spec.repeats} repeats",
        ),
    ]
    return join([tag("h2", "What was run"), _list(pairs)])


def _settings(book: Book, names: Names, results: Results) -> Iterator[Html]:
    for target, cells in _targets(results):
        name, kind = names.target(target), names.kind(target)
        groups = tables.by_setting(cells)
        yield tag("h2", f"Settings: {name}")
        yield tables.settings_table(book, names, groups, kind)
        yield tag("h2", f"By kind of prompt: {name}")
        yield tables.kinds_table(book, names, groups, kind)


def _modelled(book: Book, names: Names, results: Results) -> Iterator[Html]:
    points: list[charts.Point] = []
    for cell in results.cells.values():
        measured, modelled = cell.value("speedup"), cell.value("modelled")
        if measured is None or modelled is None:
            continue
        keys: dict[str, object] = {"cell": cell.id}
        book.add("cells", keys, "speedup", measured)
        at = book.add("cells", keys, "modelled", modelled)
        words = (
            f"{cell.prompt}: {names.setting(cell.setting)}; "
            f"{measured:.2f}×, modelled {modelled:.2f}×"
        )
        points.append((modelled, measured, words, at))
    yield tag("h2", "Modelled against measured")
    if not points:
        yield tag("p", "No cell has both yet.", class_="dim")
        return
    kinds = dict.fromkeys(names.kind(target) for target, _ in _targets(results))
    share = sum(charts.within(a, b) for a, b, *_ in points) / len(points)
    shown = book.show("modelled", {}, "share_within_10_percent", share, ".0f", unit=" %",
                      scale=100, element="strong")  # fmt: skip
    count = book.show("modelled", {}, "cells_compared", len(points), "d", element="span")
    yield tag("p", "The cost model is within 10 % of the speedup in ", shown, " of ", count,
              " cells.")  # fmt: skip
    yield tag(
        "figure",
        charts.scatter(points, " and ".join(kinds)),
        tag("figcaption", "One dot a cell; dots within the band of ±10 % are filled."),
    )


def _calibrations(book: Book, results: Results) -> Iterator[Html]:
    yield tag("h2", "Verify cost")
    if not results.calibrations:
        yield tag("p", "No passes have been measured yet.", class_="dim")
    for name, found in results.calibrations.items():
        kind = "simulated" if found.target.simulated else "measured"
        draft = "" if found.draft is None else f", draft {found.draft.name}"
        caption = (
            f"{found.target.name}{draft}: T_v(k) after {found.depth} tokens, median and quartiles "
            f"of {found.rounds} passes of each width ({kind}, {found.measured_at})."
        )
        yield tag("figure", charts.verify_curve(found, kind), tag("figcaption", caption))
        yield tag(
            "details", tag("summary", "As a table"), tables.calibration_table(book, name, found)
        )


def _recompute() -> Iterator[Html]:
    yield tag("h2", "How to recompute")
    yield tag(
        "p",
        "Every figure above stands unrounded in this file's JSON block “figures”, and follows from "
        "results.jsonl beside it: a RunDone line holds its rounds as columns (tokens and "
        "nanoseconds), a Calibrated line what passes cost. A run's speedup is its baseline's time "
        "for n tokens ÷ its own, where n is the token count at the end of its last round within "
        "the baseline's length. results.csv has one row a run.",
    )
    yield tag("p", tag("code", "python tests/recompute_report.py FOLDER"),
              " does all of that without Draftscope.")  # fmt: skip


def _list(pairs: Sequence[tuple[str, str]]) -> Html:
    return tag("dl", *(part for word, says in pairs for part in (tag("dt", word), tag("dd", says))))
