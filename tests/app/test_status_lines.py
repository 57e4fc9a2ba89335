"""Toned lines: cut to a width, aligned in tables; times and figures in words."""

from __future__ import annotations

import pytest

from sos_actors.app.status_lines import (
    Piece,
    Tone,
    bytes_text,
    clock_text,
    cut,
    figure,
    line,
    micros_text,
    money,
    rendered,
    span_text,
    table,
)
from sos_actors.types import NANOS_PER_SECOND
from tests.app.statuses import at


@pytest.mark.parametrize(
    ("width", "said"),
    [(20, "Feed down since ten"), (19, "Feed down since ten"), (18, "Feed down since .."), (9, "Feed do.."), (2, "..")],
)
def test_a_line_is_cut_where_it_ends_and_keeps_its_tones(width: int, said: str) -> None:
    whole = line("Feed ", Piece("down", Tone.BAD), " since ten")
    short = cut(whole, width)
    assert "".join(piece.text for piece in short) == said
    assert [piece.tone for piece in short] == [piece.tone for piece in whole][: len(short)]


def test_letters_that_take_two_columns_count_twice() -> None:
    assert rendered([line("市場は開いている")], 10, False) == "市場は開..\n"


def test_a_table_is_aligned_and_its_flexible_column_gives_way() -> None:
    rows = [["a long name of a thing", "5"], ["b", "12,345"]]
    assert rendered(table(["THING", "n"], rows, 80, right={1}), 80, False).splitlines() == [
        "THING                        n",
        "a long name of a thing       5",
        "b                       12,345",
    ]
    assert rendered(table(["THING", "n"], rows, 20, right={1}), 20, False).splitlines() == [
        "THING              n",
        "a long nam..       5",
        "b             12,345",
    ]


def test_a_table_without_rows_is_its_heading() -> None:
    assert rendered(table(["A", "B"], [], 80), 80, False) == "A  B\n"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (0.9, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7260, "2 h 01 min")],
)
def test_a_span_is_said_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert span_text(int(seconds * NANOS_PER_SECOND)) == said


@pytest.mark.parametrize(
    ("micros", "said"),
    [(0.36, "0.4 us"), (9.94, "9.9 us"), (191.2, "191 us"), (2620, "2.62 ms"), (1_200_000, "1.20 s")],
)
def test_a_latency_is_said_in_the_unit_that_fits(micros: float, said: str) -> None:
    assert micros_text(micros) == said


def test_figures_and_times_that_are_unknown_are_a_dash() -> None:
    assert {clock_text(None), span_text(None), figure(None), bytes_text(None), money(None).text} == {"-"}


def test_a_moment_is_the_time_in_india_and_money_has_its_sign_and_colour() -> None:
    assert clock_text(at(0)) == "10:00:00"
    assert money(1234.5) == Piece("+1,234.50", Tone.GOOD)
    assert money(-0.5) == Piece("-0.50", Tone.BAD)
    assert money(0.0) == Piece("0.00", Tone.PLAIN)
    assert bytes_text(1_300_000) == "1.3 MB"
