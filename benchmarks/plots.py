"""The page's two plots, as SVG."""

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
# Without random ids and dates, the same figures give the same file.
mpl.rcParams.update({"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 10})

from matplotlib import pyplot as plt  # noqa: E402 - the backend is chosen before

from benchmarks.growth import METRICS, growth_over_floor  # noqa: E402
from benchmarks.measures import MEASURES, OURS  # noqa: E402

OUR_COLOUR, OTHER_COLOUR, FLOOR_COLOUR = "#1b7f79", "#9aa5b1", "#444444"


def write(run: dict, folder: Path) -> None:
    if run.get("measures"):
        _ratios(run, folder / "ratios.svg")
    if "growth" in run:
        _growth(run, folder / "growth.svg")


def _ratios(run: dict, path: Path) -> None:
    found = run["measures"]
    shown = [m for m in MEASURES if any("over_floor" in e for e in found.get(m.key, {}).values())]
    figure, axes = plt.subplots(
        len(shown), 1, figsize=(8, 1.9 * len(shown)), layout="constrained", sharex=True
    )
    for axis, measure in zip(axes, shown, strict=True):
        entries = [
            (key, entry["over_floor"][1])
            for key, entry in run["measures"][measure.key].items()
            if "over_floor" in entry and key != "floor_queue"
        ]
        names = [run["titles"][key].split(" (")[0] for key, _ in entries]
        values = [value for _, value in entries]
        colours = [OUR_COLOUR if key.startswith(OURS) else OTHER_COLOUR for key, _ in entries]
        bars = axis.barh(names, values, color=colours)
        axis.bar_label(bars, [f"{value:,.2f}" for value in values], padding=3, fontsize=8)
        axis.axvline(1.0, color=FLOOR_COLOUR, linewidth=0.8, linestyle=":")
        axis.set_xscale("log")
        axis.set_title(measure.heading.replace("`", ""), loc="left", fontsize=10)
        axis.invert_yaxis()
        axis.tick_params(axis="y", labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("times the floor (logarithmic)")
    _save(figure, path)


def _growth(run: dict, path: Path) -> None:
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for metric, title in METRICS.items():
        axis.plot(
            run["sizes"],
            growth_over_floor(run, OURS, metric),
            marker="o",
            label=title.replace("`", ""),
        )
    axis.axhline(1.0, color=FLOOR_COLOUR, linewidth=0.8, linestyle=":")
    axis.axhline(1.3, color="#b00020", linewidth=0.8, linestyle="--", label="bound")
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("clients in one process")
    axis.set_ylabel("growth over the floor's own")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _save(figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)
    # matplotlib writes trailing blanks, which the repository's files must not have.
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n")
