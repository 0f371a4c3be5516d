"""Where each thing of a federation's drawing stands: the VPC, its subnets, gateways and instances, in units of a pixel.

The template only writes down what is computed here. There is one drawing for each width that a screen may have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.federation_document import MANAGER, label
from ansible.module_utils.federation_words import counted_triples, fitted, width_of

Record = dict[str, Any]

# Drawings of these widths, and how each is called in the template.
WIDTHS: Mapping[str, int] = {"wide": 1040, "middle": 640, "narrow": 326}
# Below this width the subnets stand one below the other.
STACKED_BELOW = 500
# Room for its title.
LEAST_PUBLIC = 216
PAD, GAP, HEAD = 14, 10, 30
# Inside a card, and inside a subnet on a narrow screen.
INSET = 10
# The pill for the world outside, and how far the VPC begins below it.
WORLD_WIDTH, WORLD_HEIGHT, WAY_IN = 92, 26, 44
PILL_WIDTH, PILL_HEIGHT = 118, 22
# A card is smaller where there are many.
ROOMY_UP_TO = 8
ROOMY, SMALL = (132, 78), (104, 54)
BETWEEN = 6
BROADEST_CARD = 230
ICON = 14
TITLE, TEXT, TINY = 13, 12, 11
# How much wider bold type is.
BOLD = 1.06


def drawing(document: Record, kind: str) -> Record:
    """Return the drawing's size and what is in it: boxes, lines, arrowheads, texts, cards."""
    canvas = _Canvas(WIDTHS[kind])
    stacked = canvas.width < STACKED_BELOW
    public_width = canvas.width - 2 * PAD if stacked else max(LEAST_PUBLIC, round(canvas.width * 0.27))
    # Beside the VPC's title.
    center = PAD + public_width * 0.68
    top = WORLD_HEIGHT + WAY_IN
    _world(canvas, document["network"], center, top)
    vpc = document["network"]["vpc"]
    canvas.text(PAD, top + 26, f"VPC {vpc['cidr'] if vpc else 'missing'}", center - 2 * PAD, "title", bold=True)
    public, private = _sides(document)
    begin = top + HEAD + 12
    public_height = _public(canvas, document, public, (PAD, begin, public_width))
    if stacked:
        below = begin + public_height + 46
        height = _private(canvas, document, private, (PAD, below, public_width))
        _ways_down(canvas, document, begin + public_height, below)
        bottom = below + height
    else:
        left = PAD + public_width + 74
        height = _private(canvas, document, private, (left, begin, canvas.width - PAD - left), public_height)
        canvas.boxes[0]["height"] = height
        _ways_across(canvas, document, PAD + public_width, left, begin)
        bottom = begin + height
    canvas.boxes.insert(0, {"kind": "vpc", "x": 0.5, "y": top, "width": canvas.width - 1, "height": bottom + PAD - top})
    return {"kind": kind, "width": canvas.width, "height": bottom + PAD + 1, **canvas.shapes()}


class _Canvas:
    """What is drawn so far."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.boxes: list[Record] = []
        self.lines: list[Record] = []
        self.arrows: list[str] = []
        self.pills: list[Record] = []
        self.texts: list[Record] = []
        self.cards: list[Record] = []
        self.gateway_middle = 0.0

    def shapes(self) -> Record:
        return {name: getattr(self, name) for name in ("boxes", "lines", "arrows", "pills", "texts", "cards")}

    def text(self, x: float, y: float, text: str, room: float, kind: str, **options: Any) -> None:
        """Add a text, cut to its room; its anchor is where it begins, or with `middle` its middle."""
        self.texts.append(_text(x, y, text, room, kind, **options))

    def line(self, kind: str, *points: tuple[float, float]) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.lines.append({"kind": kind, "points": path})

    def arrow(self, tip: tuple[float, float], towards: str) -> None:
        x, y = tip
        wings = {
            "right": ((x - 7, y - 4), (x - 7, y + 4)),
            "left": ((x + 7, y - 4), (x + 7, y + 4)),
            "down": ((x - 4, y - 7), (x + 4, y - 7)),
            "up": ((x - 4, y + 7), (x + 4, y + 7)),
        }[towards]
        self.arrows.append(" ".join(f"{a:g},{b:g}" for a, b in (tip, *wings)))

    def pill(self, x: float, y: float, text: str, size: tuple[float, float], tone: str) -> None:
        width, height = size
        at = {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height, "tone": tone}
        self.pills.append({**at, "text": _text(x, y + 4, text, width - 12, "pill", middle=True)})


def _text(x: float, y: float, text: str, room: float, kind: str, **options: Any) -> Record:
    size = {"title": TITLE, "name": TITLE}.get(kind, TINY if kind in ("tiny", "pill") else TEXT)
    bold, monospaced = options.get("bold", kind in ("title", "name")), options.get("monospaced", False)
    shown = fitted(text, room, size * (BOLD if bold else 1), monospaced)
    return {
        **{"x": x, "y": y, "shown": shown, "full": text if shown != text else "", "kind": kind},
        **{"bold": bold, "monospaced": monospaced, "middle": options.get("middle", False)},
    }


def _sides(document: Record) -> tuple[list[Record], list[Record]]:
    """Return the nodes in the public subnet and those in the private one; who has no subnet by its role."""
    public = {each["id"] for each in document["network"]["subnets"] if each["public"]}
    known = public | {each["id"] for each in document["network"]["subnets"]}
    is_public = [
        node["subnet"] in public if node["subnet"] in known else node["role"] == MANAGER for node in document["nodes"]
    ]
    outside = [node for node, here in zip(document["nodes"], is_public) if here]
    return outside, [node for node, here in zip(document["nodes"], is_public) if not here]


def _world(canvas: _Canvas, network: Record, center: float, top: float) -> None:
    canvas.line("way", (center, WORLD_HEIGHT), (center, top + HEAD + 12))
    canvas.pill(center, WORLD_HEIGHT / 2 + 0.5, "Internet", (WORLD_WIDTH, WORLD_HEIGHT), "outside")
    there = network["internet_gateway"] is not None
    words = "internet gateway" if there else "no way in"
    canvas.pill(center, top, words, (PILL_WIDTH, PILL_HEIGHT), "plain" if there else "down")


def _subnet_title(document: Record, public: bool) -> str:
    found = [each for each in document["network"]["subnets"] if each["public"] is public]
    side = "Public" if public else "Private"
    return f"{side} subnet {found[0]['cidr']}" if found else f"{side} subnet missing"


def _public(canvas: _Canvas, document: Record, nodes: Sequence[Record], at: tuple[float, float, float]) -> float:
    """Draw the public subnet, and return its height."""
    x, y, width = at
    canvas.text(x + PAD, y + 21, _subnet_title(document, True), width - 2 * PAD, "title")
    inner, down = width - 2 * PAD, y + HEAD + 4
    for node in nodes:
        canvas.cards.append(_card(node, (x + PAD, down), (inner, ROOMY[1])))
        down += ROOMY[1] + GAP
    canvas.cards.append(_gateway_card(document["network"]["nat_gateway"], (x + PAD, down), inner))
    canvas.gateway_middle = down + SMALL[1] / 2
    height = down + SMALL[1] + PAD - y
    canvas.boxes.append({"kind": "public", "x": x, "y": y, "width": width, "height": height})
    return height


def _private(
    canvas: _Canvas, document: Record, nodes: Sequence[Record], at: tuple[float, float, float], least: float = 0
) -> float:
    """Draw the private subnet with its cards in a grid, at least so high, and return its height."""
    x, y, width = at
    canvas.text(x + PAD, y + 21, _subnet_title(document, False), width - 2 * PAD, "title")
    pad = INSET if canvas.width < STACKED_BELOW else PAD
    inner = width - 2 * pad
    narrowest, card_height = ROOMY if len(nodes) <= ROOMY_UP_TO else (_narrowest(nodes), SMALL[1])
    columns = max(1, min(max(1, len(nodes)), int((inner + GAP) // (narrowest + GAP))))
    card_width = min(BROADEST_CARD, (inner - GAP * (columns - 1)) / columns)
    for number, node in enumerate(nodes):
        row, column = divmod(number, columns)
        place = (x + pad + column * (card_width + GAP), y + HEAD + 4 + row * (card_height + GAP))
        canvas.cards.append(_card(node, place, (card_width, card_height)))
    if not nodes:
        canvas.text(x + PAD, y + HEAD + 24, "No members", inner, "text")
    rows = max(1, -(-len(nodes) // columns))
    height = max(least, HEAD + 4 + rows * (card_height + GAP) - GAP + PAD)
    canvas.boxes.append({"kind": "private", "x": x, "y": y, "width": width, "height": height})
    return height


def _narrowest(nodes: Sequence[Record]) -> int:
    """Return how narrow a small card may be, so that its name is whole; of an endless one, its beginning."""
    longest = max(width_of(label(node), TITLE * BOLD) for node in nodes)
    return min(ROOMY[0], max(SMALL[0], int(longest) + 1 + 2 * INSET + ICON + BETWEEN))


def _card(node: Record, place: tuple[float, float], size: tuple[float, float]) -> Record:
    """Return one instance's card: its name, its address where there is room, and its triples or what is wrong."""
    (x, y), (width, height) = place, size
    room = width - 2 * INSET
    holds = "" if node["role"] == MANAGER else counted_triples(node["statements"] or 0, short=True)
    says = node["problem"] or holds or "opens sessions"
    texts = [_text(x + INSET + ICON + BETWEEN, y + 23, label(node), room - ICON - BETWEEN, "name")]
    if height > SMALL[1]:
        address = node["public_address"] or node["private_address"] or "no address"
        texts.append(_text(x + INSET, y + 44, address, room, "text", monospaced=True))
    bad = node["condition"] == "down"
    words = f"Down: {says}"
    if not bad or width_of(words, TEXT * BOLD) > room:
        words = says
    texts.append(_text(x + INSET, y + height - 12, words, room, "says", bold=bad))
    return _card_of(node["condition"], place, size, texts, f"{label(node)} {node['id']}: {says}")


def _gateway_card(gateway: Record | None, place: tuple[float, float], width: float) -> Record:
    (x, y), state = place, gateway["state"] if gateway else "missing"
    condition = {"available": "well", "pending": "unsure"}.get(state, "down")
    room = width - 2 * INSET
    texts = [_text(x + INSET + ICON + BETWEEN, y + 23, "NAT gateway", room - ICON - BETWEEN, "name")]
    says = (gateway["address"] if gateway and condition == "well" else "") or state
    down = condition == "down"
    says = f"Down: {says}" if down else says
    texts.append(_text(x + INSET, y + SMALL[1] - 12, says, room, "says", bold=down, monospaced=condition == "well"))
    return _card_of(condition, place, (width, SMALL[1]), texts, f"NAT gateway: {state}")


def _card_of(
    condition: str, place: tuple[float, float], size: tuple[float, float], texts: list[Record], title: str
) -> Record:
    (x, y), (width, height) = place, size
    at = {"x": x, "y": y, "width": width, "height": height, "icon_x": x + INSET, "icon_y": y + 12, "icon": ICON}
    return {**at, "condition": condition, "texts": texts, "title": title}


def _ways_across(canvas: _Canvas, document: Record, left: float, right: float, begin: float) -> None:
    """Draw what goes on between the subnets side by side: the manager asks, the members' way out."""
    asks, out = begin + HEAD + 4 + ROOMY[1] / 2, canvas.gateway_middle
    middle = (left + right) / 2
    if any(node["role"] == MANAGER and node["id"] for node in document["nodes"]):
        canvas.line("link", (left, asks), (right, asks))
        canvas.arrow((right, asks), "right")
        canvas.text(middle, asks - 8, "asks", right - left - 8, "tiny", middle=True)
    canvas.line("link", (right, out), (left, out))
    canvas.arrow((left, out), "left")
    canvas.text(middle, out - 8, "way out", right - left - 8, "tiny", middle=True)


def _ways_down(canvas: _Canvas, document: Record, top: float, bottom: float) -> None:
    """Draw the same between subnets that stand one below the other."""
    third = canvas.width / 3
    middle = (top + bottom) / 2 + 4
    if any(node["role"] == MANAGER and node["id"] for node in document["nodes"]):
        canvas.line("link", (third, top), (third, bottom))
        canvas.arrow((third, bottom), "down")
        canvas.text(third + 8, middle, "asks", third - 16, "tiny")
    canvas.line("link", (2 * third, bottom), (2 * third, top))
    canvas.arrow((2 * third, top), "up")
    canvas.text(2 * third + 8, middle, "way out", third - PAD - 8, "tiny")
