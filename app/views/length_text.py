"""What a draft-length policy chose, in words, without any Qt."""

from __future__ import annotations

from engine.events import LengthChosen


def length_words(chosen: LengthChosen) -> tuple[str, ...]:
    """Why the proposal ended where it did, from the longest form to the shortest; none where it
    reached its limit."""
    n, limit = chosen.n, chosen.limit
    where = f"stopped at {n} of {limit}"
    match chosen.reason:
        case "limit":
            return ()
        case "measuring":
            return (f"{n} of {limit}: measuring", "measuring")
        case "no match":
            why = "nothing more to propose" if n else "no match"
            return (f"{where}: {why}", f"{n} of {limit}: {why}", why)
        case "policy":
            return _refused(chosen, where)


def _refused(chosen: LengthChosen, where: str) -> tuple[str, ...]:
    """The comparison that a policy stopped at."""
    if chosen.value is None or chosen.threshold is None:
        return (where,)
    short = f"{chosen.n} of {chosen.limit}"
    if chosen.policy in ("throughput", "auto"):
        value, least = _figures(chosen.value, chosen.threshold, 1)
        return (
            f"{where}, {chosen.policy}: {value} tokens expected, {least} tokens' worth of time",
            f"{chosen.policy}: {value} tokens expected, {least} tokens' worth of time",
            f"{short}: {value} expected < {least} in time",
            f"{value} expected < {least} in time",
            f"{value} < {least} tokens",
        )
    value, least = _figures(chosen.value, chosen.threshold, 2)
    name = {"entropy": "entropy bound"}.get(chosen.policy, chosen.policy)
    compared = f"{name} {value} < {least}"
    return (f"{where}: {compared}", f"{short}: {compared}", compared)


def _figures(value: float, threshold: float, decimals: int) -> tuple[str, str]:
    """Both with as many decimals as it takes to see that they differ."""
    while decimals < 6 and f"{value:.{decimals}f}" == f"{threshold:.{decimals}f}":
        decimals += 1
    return f"{value:.{decimals}f}", f"{threshold:.{decimals}f}"
