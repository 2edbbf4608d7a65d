"""What the popovers beside the pickers say."""

from __future__ import annotations

from html import escape

from app import theme

GAMMA = (
    "Draft length γ",
    "Tokens that the drafter proposes in a round, before the target judges them in one pass. More "
    "pay as long as they are accepted: the first that fails ends the round. In a tree, γ is its "
    "depth. 0 is plain decoding.",
)
BRANCHES = (
    "Branches",
    "Children of each drafted token at depth 1, 2 and so on, 1 where nothing is said: 1 is a "
    "chain, 2 two chains of γ tokens, 3·2 three tokens with two successors each. More places to "
    "be right in one target pass, which gets wider.",
)
BRANCHES_SOURCE = "SpecInfer, arXiv 2305.09781, section 3"


def explanation(title: str, text: str, source: str = "", formula: str = "") -> str:
    """Rich text: what it is, when a token is accepted, and who says so."""
    muted = theme.theme().muted.name()
    parts = [f"<p><b>{escape(title)}</b></p>", f"<p>{escape(text)}</p>"]
    if formula:
        family = theme.mono(12).family()
        shown = escape(formula).replace(" ", "&nbsp;") if len(formula) < 40 else escape(formula)
        parts.append(f"<p style=\"font-family:'{family}'; font-size:12px\">{shown}</p>")
    if source:
        parts.append(f'<p style="color:{muted}; font-size:12px">{escape(source)}</p>')
    return "".join(parts)
