"""The plots: one bar a step of the limit, one a resource, one a task, so that a person sees what waited for what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from benchmarks import limit
from benchmarks.record import Life, Measured
from sandbox.latency import Latency

FORMATS = ("svg", "png")
NARROWEST = 0.15
"""What took less, in seconds, is drawn this wide, so that it is seen."""
ENDED = ("terminated", "deleted", "gone")
UNSEEN = ("include", "import", "validate_argument_spec")
"""Actions that are no work of their own: what they bring comes after them, or nothing does."""
CREATION = re.compile(r"(?:Create|Allocate)(\w+)")
REMOVAL = re.compile(r"(?:Delete|Release)(\w+)")
NO_RESOURCES = ("Tags", "NatGateway", "Parameter", "Objects", "NetworkInterface")
"""What those operations are about besides resources, and what is watched better than by its calls."""
COLOURS = {
    "chain": "#7a0177",
    "step": "#d4b9da",
    "pending": "#fdd49e",
    "shutting-down": "#fdbb84",
    "deleting": "#fdbb84",
    "task": "#9ecae1",
    "cpu": "#2171b5",
}
STANDING = "#a1d99b"


@dataclass(frozen=True)
class Bar:
    """A stretch of time on a row of its own or of several."""

    begin: float
    end: float
    colour: str


@dataclass(frozen=True)
class Line:
    """A row of the plot."""

    title: str
    bars: tuple[Bar, ...]
    remark: str = ""

    @property
    def begin(self) -> float:
        """When the first bar begins."""
        return min(bar.begin for bar in self.bars)


def draw(lives: Sequence[Life], delays: Latency, folder: Path) -> list[Path]:
    """Draw each verb of everybody's life with the fewest members, of several the median one."""
    drawn = []
    for who in sorted({each.who for each in lives}):
        fewest = min(each.members for each in lives if each.who == who)
        of_them = [each for each in lives if (each.who, each.members) == (who, fewest)]
        for verb in dict.fromkeys(verb for each in of_them for verb in each.verbs):
            runs = sorted((each.verbs[verb] for each in of_them if verb in each.verbs), key=lambda run: run.seconds)
            title = f"{who}: {verb}, {fewest} members"
            figure = plot(title, runs[(len(runs) - 1) // 2], limit.steps_of(verb, delays))
            for form in FORMATS:
                drawn.append(folder / f"timeline-{who}-{verb}.{form}")
                figure.savefig(drawn[-1], metadata={"Date": None} if form == "svg" else None)
    return drawn


def groups_of(measured: Measured, steps: Sequence[limit.Step]) -> dict[str, list[Line]]:
    """Return all rows, by what they show, each group in the order of time."""
    groups = {
        "limit": limit_lines(steps),
        "resources": [*watched_lines(measured), *called_lines(measured)],
        "tasks": task_lines(measured),
    }
    return {name: sorted(lines, key=lambda line: line.begin) for name, lines in groups.items() if lines}


def limit_lines(steps: Sequence[limit.Step]) -> list[Line]:
    """Return a row for each step that takes time, those of the longest chain in a colour of their own."""
    spans = limit.schedule(steps)
    forced = limit.chain(spans)
    return [
        Line(
            span.name,
            (Bar(span.begin, span.end, COLOURS["chain" if span in forced else "step"]),),
            f"{span.end - span.begin:g} s",
        )
        for span in spans.values()
        if span.end > span.begin
    ]


def watched_lines(measured: Measured) -> list[Line]:
    """Return a row for each thing that was watched, with a bar for each state."""
    lines = []
    for thing in measured.watched:
        moments = [when - measured.begin for when, _ in thing.states]
        ends = [*moments[1:], measured.seconds]
        bars = tuple(
            Bar(max(0.0, begin), min(end, measured.seconds), COLOURS.get(state, STANDING))
            for begin, end, (_, state) in zip(moments, ends, thing.states, strict=True)
            if state not in ENDED and end > 0 and begin < measured.seconds
        )
        if bars:
            lines.append(Line(f"{thing.kind} {thing.name}", bars, thing.states[-1][1]))
    return lines


def called_lines(measured: Measured) -> list[Line]:
    """Return a row for everything else that was created, or removed: the n-th of its kind is one thing."""
    lines = []
    count: Counter[str] = Counter()
    for when, operation in measured.moments:
        moment = when - measured.begin
        for pattern, begin, end in ((CREATION, moment, measured.seconds), (REMOVAL, 0.0, moment)):
            found = pattern.fullmatch(operation)
            if found and found[1] not in NO_RESOURCES:
                count[found[1]] += 1
                kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", found[1]).lower()
                lines.append(Line(f"{kind} {count[found[1]]}", (Bar(begin, end, STANDING),)))
    return lines


def task_lines(measured: Measured) -> list[Line]:
    """Return a row for each task that any host did, with the processor time that fell into it."""
    seen = [each for each in measured.tasks if each.ran and not any(word in each.action for word in UNSEEN)]
    return [
        Line(
            task.title,
            (
                Bar(task.begin, task.end, COLOURS["task"]),
                Bar(task.begin, task.begin + min(task.cpu, task.seconds), COLOURS["cpu"]),
            ),
            f"{task.seconds:.1f} s, {task.cpu:.1f} CPU",
        )
        for task in seen
    ]


def plot(title: str, measured: Measured, steps: Sequence[limit.Step]) -> Figure:
    """Return the picture of a verb."""
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["svg.hashsalt"] = "timeline"
    groups = groups_of(measured, steps)
    rows = sum(len(lines) + 1 for lines in groups.values())
    figure = Figure(figsize=(14, 1.2 + 0.19 * rows), layout="constrained")
    axes = figure.add_subplot()
    names: list[tuple[int, str, bool]] = []
    row = 0
    for group, lines in groups.items():
        names.append((row, group, True))
        row += 1
        for line in lines:
            names.append((row, line.title, False))
            for bar in line.bars:
                axes.barh(row, max(bar.end - bar.begin, NARROWEST), left=bar.begin, height=0.7, color=bar.colour)
            axes.text(max(bar.end for bar in line.bars) + 0.4, row, line.remark, va="center", fontsize=6)
            row += 1
    axes.set_yticks([where for where, _, _ in names], [name for _, name, _ in names], fontsize=7)
    for label, (_, _, heading) in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if heading else "normal")
    _finish(figure, title, measured, rows, _end(groups.values(), measured))
    return figure


def _end(groups: Iterable[list[Line]], measured: Measured) -> float:
    return max([measured.seconds, *(bar.end for lines in groups for line in lines for bar in line.bars)])


def _finish(figure: Figure, title: str, measured: Measured, rows: int, end: float) -> None:
    (axes,) = figure.axes
    axes.set_ylim(rows - 0.3, -0.7)
    axes.set_xlim(0, end * 1.12)
    axes.axvline(measured.seconds, color="black", linewidth=0.8)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    axes.set_xlabel("seconds")
    axes.set_title(f"{title}: {measured.seconds:.1f} s", fontsize=10)
