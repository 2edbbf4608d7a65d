"""Text of an SVG as outlines, so that it looks the same where the bundled fonts are not installed.

Qt writes the names of the fonts only, without capitals: elsewhere the words would be wider and run
into each other.
"""

from __future__ import annotations

from xml.etree import ElementTree

from PySide6.QtCore import QPointF
from PySide6.QtGui import QFont, QPainterPath

from app.theme import CAPTION, font, mono, sans

_SVG = "http://www.w3.org/2000/svg"
_KEPT = ("fill", "fill-opacity", "transform")


def outlined(svg: bytes) -> bytes:
    """The same picture with a path in place of each text; `aria-label` keeps the words."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)  # our own, by Qt: nothing hostile is in it
    for element in root.iter(f"{{{_SVG}}}text"):
        words = element.text or ""
        at = QPointF(float(element.get("x", "0")), float(element.get("y", "0")))
        path = QPainterPath()
        path.addText(at, _font(element), words)
        attributes = {name: element.attrib[name] for name in _KEPT if name in element.attrib}
        element.clear()
        element.tag = f"{{{_SVG}}}path"
        attributes |= {"stroke": "none", "fill-rule": "nonzero", "d": _data(path)}
        element.attrib.update(attributes, **{"aria-label": words})
        element.tail = "\n"
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _font(element: ElementTree.Element) -> QFont:
    """The bundled font that Qt wrote the name of."""
    size = round(float(element.get("font-size", "13")))
    weight = QFont.Weight(int(element.get("font-weight", "400")))
    if element.get("font-family", "").startswith("JetBrains"):
        return mono(size, weight)
    if (size, weight) == (CAPTION.size, CAPTION.weight):
        return font(CAPTION)  # the one step of the type scale in capitals
    return sans(size, weight)


def _data(path: QPainterPath) -> str:
    """The path in the words of SVG."""
    kind = QPainterPath.ElementType
    letters = {kind.MoveToElement: "M", kind.LineToElement: "L", kind.CurveToElement: "C"}
    parts: list[str] = []
    for i in range(path.elementCount()):
        part = path.elementAt(i)
        # The second and third point of a curve follow the first without a letter.
        letter = letters.get(part.type, "")
        parts.append(f"{letter}{part.x:.3f},{part.y:.3f}")
    return " ".join(parts)
