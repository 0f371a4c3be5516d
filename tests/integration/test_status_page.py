"""The page of status.yml as a real browser shows it, at several widths, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import status_documents as documents
from browser import Browser

WIDTHS = (390, 768, 1280)
PAGES = {
    "two": documents.healthy(2),
    "twenty": documents.healthy(20),
    "down": documents.one_down(3),
    "twenty-down": documents.one_down(20, 7),
    "overdue": documents.overdue(),
    "odd": documents.odd(),
}

# What is wider than the window or the part of the page that it is in, of all that is meant to be seen.
TOO_WIDE = """[...document.querySelectorAll('main *')].filter(each => {
  const box = each.getBoundingClientRect();
  const seen = box.width && box.height && !each.closest('.unseen, thead'), panel = each.closest('.panel, .tile, li');
  const room = panel ? panel.getBoundingClientRect() : {left: 0, right: innerWidth};
  return seen && (box.right > Math.min(room.right, innerWidth) + 0.5 || box.left < room.left - 0.5);
}).map(each => each.outerHTML.slice(0, 120)).concat(
  document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : [])"""

# Texts of the drawing that lie on each other, or out of their card or the drawing.
ON_EACH_OTHER = """(() => {
  const found = [], drawn = [...document.querySelectorAll('svg.drawing')].filter(each => each.clientWidth);
  if (drawn.length !== 1) return ['drawings: ' + drawn.length];
  const box = each => each.getBoundingClientRect(), texts = [...drawn[0].querySelectorAll('text')];
  const inside = (one, other) => one.left >= other.left - 0.5 && one.right <= other.right + 0.5
    && one.top >= other.top - 0.5 && one.bottom <= other.bottom + 0.5;
  texts.forEach((one, number) => {
    const its = box(one), card = one.closest('.card');
    if (!inside(its, box(drawn[0]))) found.push('outside: ' + one.textContent);
    if (card && !inside(its, box(card.querySelector('rect')))) found.push('out of its card: ' + one.textContent);
    texts.slice(number + 1).forEach(other => {
      const o = box(other);
      if (its.left < o.right && o.left < its.right && its.top < o.bottom && o.top < its.bottom)
        found.push(one.textContent + ' on ' + other.textContent);
    });
  });
  return found;
})()"""

# Each bar's length in pixels, and the number beside it.
BARS = """[...document.querySelectorAll('table.bars')].map(table => [...table.querySelectorAll('tbody tr')].map(row =>
  [row.querySelector('.fill').getBoundingClientRect().width, row.querySelector('.number').textContent]))"""

# What the page's own policy refuses, when an image from elsewhere is put into it.
REFUSED = """new Promise(done => {
  document.addEventListener('securitypolicyviolation', refused => done(refused.blockedURI), {once: true});
  document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/image.png'}));
})"""

# Texts that differ too little from what they stand on, by WCAG's formula.
FAINT = """(() => {
  const numbers = text => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const light = color => { const [r, g, b] = numbers(color).map(each => each / 255).map(
    each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4); return 0.2126*r + 0.7152*g + 0.0722*b; };
  const ground = each => {
    if (each.tagName === 'text') {
      const its = each.getBoundingClientRect(), x = its.left + its.width / 2, y = its.top + its.height / 2;
      const under = [...each.ownerSVGElement.querySelectorAll('rect')].filter(rect => {
        const box = rect.getBoundingClientRect();
        return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom
          && rect.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING; });
      if (under.length) return getComputedStyle(under.at(-1)).fill;
      each = each.ownerSVGElement.parentElement;
    }
    for (; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (numbers(color)[3] > 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('body *')].filter(each => each.getClientRects().length
    && !each.closest('.unseen') && [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim())
    && !['title', 'desc', 'style'].includes(each.tagName)).map(each => {
    const style = getComputedStyle(each), color = each.tagName === 'text' ? style.fill : style.color;
    const [one, other] = [light(color), light(ground(each))].sort((a, b) => b - a);
    return [(one + 0.05) / (other + 0.05), each.textContent.trim().slice(0, 60)];
  });
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {name: documents.write(each, folder / f"{name}.html") for name, each in PAGES.items()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_window_and_no_text_lies_on_another(
    browser: Browser, files: dict[str, Path], name: str, width: int
) -> None:
    browser.open(files[name], width)
    assert browser.evaluate(TOO_WIDE) == []
    if PAGES[name]["nodes"]:
        assert browser.evaluate(ON_EACH_OTHER) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_page_asks_the_network_for_nothing(browser: Browser, files: dict[str, Path], name: str) -> None:
    browser.open(files[name], 1280)
    assert [each for each in browser.requests if not each.startswith("data:")] == [files[name].resolve().as_uri()]
    assert browser.evaluate("document.scripts.length") == 0
    # Nor could it ask: an image that is put into it is refused.
    assert browser.evaluate(REFUSED) == "http://127.0.0.1:9/image.png"


@pytest.mark.parametrize("name", ["two", "twenty", "down", "odd"])
def test_bars_are_as_long_as_the_numbers_beside_them_say(browser: Browser, files: dict[str, Path], name: str) -> None:
    browser.open(files[name], 1280)
    tables: list[list[tuple[float, str]]] = browser.evaluate(BARS)
    assert len(tables) == len(PAGES[name]["repositories"]) > 0
    for bars, repository in zip(tables, PAGES[name]["repositories"], strict=True):
        said = [each["statements"] for each in repository["members"]]
        assert [text for _, text in bars] == ["not known" if each is None else f"{each:,}" for each in said]
        longest = max(length for length, _ in bars)
        most = max(each or 0 for each in said)
        for (length, _), number in zip(bars, said, strict=True):
            assert length == pytest.approx(longest * (number or 0) / most if most else 0, abs=1)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_member_that_is_down_is_what_one_sees_first(browser: Browser, files: dict[str, Path], width: int) -> None:
    browser.open(files["twenty-down"], width)
    head: dict[str, Any] = browser.evaluate(
        """(() => { const verdict = document.querySelector('.verdict'), box = verdict.getBoundingClientRect();
        return {words: verdict.textContent.trim(), bottom: box.bottom, color: getComputedStyle(verdict).backgroundColor,
        problem: document.querySelector('.problems').getBoundingClientRect().top, size: innerHeight,
        command: document.querySelector('.problems code').textContent} })()"""
    )
    assert head["words"] == "Member 7 is down"
    assert head["bottom"] < head["problem"] < head["size"] / 2
    assert head["command"].startswith("aws ssm start-session --region us-west-2 --target i-")
    cards: list[str] = browser.evaluate(
        """[...document.querySelectorAll('.card.down')].filter(each => each.getBoundingClientRect().width)
        .map(each => each.querySelector('text').textContent)"""
    )
    assert cards == ["Member 7"]
    strokes: dict[str, str] = browser.evaluate(
        """Object.fromEntries(['down', 'well'].map(each =>
        [each, getComputedStyle(document.querySelector('.card.' + each + ' rect')).stroke]))"""
    )
    assert strokes["down"] == head["color"] != strokes["well"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["down", "overdue", "odd"])
def test_every_text_stands_out_from_its_ground(browser: Browser, files: dict[str, Path], name: str, dark: bool) -> None:
    browser.open(files[name], 1280, dark=dark)
    texts: list[tuple[float, str]] = browser.evaluate(FAINT)
    assert len(texts) > 20
    assert [(ratio, text) for ratio, text in texts if ratio < 4.5] == []


def test_light_and_dark_are_what_the_system_has(browser: Browser, files: dict[str, Path]) -> None:
    grounds = []
    for dark in (False, True):
        browser.open(files["two"], 1280, dark=dark)
        grounds.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(set(grounds)) == 2
