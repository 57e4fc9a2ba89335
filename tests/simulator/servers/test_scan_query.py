from __future__ import annotations

from typing import Any

import pytest
from tradingview_screener.column import Column as col  # noqa: N813 - the library's own short name
from tradingview_screener.query import And, Or, Query

from sos_actors.simulator.servers import columns
from sos_actors.simulator.servers.columns import Column
from sos_actors.simulator.servers.scan_query import QueryError, in_order, matching

TABLE: dict[str, list[Any]] = {
    "name": ["A", "B", "C", "D"],
    "close": [10.0, 20.0, 30.0, None],
    "open": [11.0, 19.0, 30.0, 5.0],
    "type": ["stock", "stock", "index", "fund"],
    "typespecs": [["common"], ["preferred"], ["main"], ["etf"]],
    "is_primary": [True, False, True, True],
}
EVERY = [0, 1, 2, 3]


def values(name: str) -> list[Any]:
    if name not in TABLE:
        raise QueryError(f'Unknown field "{name}"')
    return TABLE[name]


def rows(query: dict[str, Any]) -> str:
    return "".join(TABLE["name"][row] for row in matching(query, EVERY, values, TABLE.__contains__))


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (col("close") > 10, "BC"),
        (col("close") >= 10, "ABC"),
        (col("close") < 20, "A"),
        (col("close") <= 20, "AB"),
        (col("close") == 20, "B"),
        (col("close") != 20, "AC"),
        (col("close") > col("open"), "B"),
        (col("close").between(10, 20), "AB"),
        (col("close").not_between(10, 20), "C"),
        (col("close").between(col("open"), 30), "BC"),
        (col("type").isin(["stock", "fund"]), "ABD"),
        (col("type").not_in(["stock", "fund"]), "C"),
        (col("type").isin(["stock"]), "AB"),
        (col("typespecs").has("common"), "A"),
        (col("typespecs").has(["common", "main"]), "AC"),
        (col("typespecs").has_none_of(["common", "main"]), "BD"),
        (col("close").empty(), "D"),
        (col("close").not_empty(), "ABC"),
        (col("close").above_pct("open", 1.0), "BC"),
        (col("close").below_pct("open", 0.95), "A"),
        (col("name").like("a"), "A"),
        (col("name").not_like("a"), "BCD"),
        (col("is_primary") == True, "ACD"),  # noqa: E712 - the library's own spelling
    ],
)
def test_every_comparison_of_the_library_means_what_it_says(condition: Any, found: str) -> None:
    assert rows({"filter": [condition]}) == found


def test_filters_are_joined_and_trees_are_nested() -> None:
    tree = Query().where2(Or(And(col("type") == "stock", col("close") > 10), col("type") == "fund")).query["filter2"]
    assert rows({"filter2": tree}) == "BD"
    assert rows({"filter": [col("close") > 10, col("type") == "stock"]}) == "B"
    assert rows({"filter": [col("type") == "fund"], "filter2": tree}) == "D"
    assert rows({"filter": None, "filter2": None}) == "ABCD"


def test_the_librarys_default_filters_keep_primary_common_stocks() -> None:
    default = Query().query
    assert rows({"filter": default["filter"], "filter2": default["filter2"]}) == "A"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"filter": [{"left": "nothing", "operation": "greater", "right": 1}]}, 'Unknown field "nothing"'),
        ({"filter": [col("close").crosses(col("open"))]}, 'Unknown operation "crosses"'),
        ({"filter": [{"left": "close", "operation": "fly", "right": 1}]}, 'Unknown operation "fly"'),
        ({"filter": [{"left": "close", "operation": "greater", "right": "x"}]}, "Wrong type"),
        ({"filter": [{"left": "close"}]}, "Wrong filter"),
        ({"filter": ["close"]}, "Wrong filter"),
        ({"filter": [{"left": "close", "operation": "in_range", "right": 3}]}, "Wrong filter"),
        ({"filter2": {"operator": "xor", "operands": []}}, "Wrong filter2"),
        ({"filter2": {"operator": "and", "operands": [{"nothing": 1}]}}, "Wrong filter2"),
    ],
)
def test_what_the_screener_does_not_understand_is_refused(query: dict[str, Any], said: str) -> None:
    with pytest.raises(QueryError, match=said):
        rows(query)


def test_a_tree_deeper_than_any_client_builds_is_refused() -> None:
    tree: dict[str, Any] = {"operator": "and", "operands": []}
    for _ in range(30):
        tree = {"operator": "and", "operands": [{"operation": tree}]}
    with pytest.raises(QueryError):
        rows({"filter2": tree})


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ({"sortBy": "close", "sortOrder": "desc", "nullsFirst": False}, "CBAD"),
        ({"sortBy": "close", "sortOrder": "asc"}, "ABCD"),
        ({"sortBy": "close", "sortOrder": "desc", "nullsFirst": True}, "DCBA"),
        ({"sortBy": "type", "sortOrder": "asc"}, "DCAB"),
        (None, "ABCD"),
    ],
)
def test_rows_without_a_value_come_last_unless_asked_for_first(sort: Any, found: str) -> None:
    assert "".join(TABLE["name"][row] for row in in_order(sort, EVERY, values)) == found


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("close", Column("close", 0, 0, True)),
        ("MACD.macd|5", Column("MACD.macd", 5, 0, True)),
        ("ADX+DI[1]|60", Column("ADX+DI", 60, 1, True)),
        ("relative_volume_intraday|5", Column("relative_volume_intraday|5", 0, 0, True)),
        ("market_cap_basic", Column("market_cap_basic", 0, 0, False)),
        ("Recommend.All|15", Column("Recommend.All", 15, 0, False)),
        ("close|1W", Column("close", 0, 0, False)),
        ("close|3", None),
        ("close[1]", None),
        ("relative_volume_intraday", None),
        ("relative_volume_intraday|15", None),
        ("exchange|5", None),
        ("change.5", None),
        ("", None),
    ],
)
def test_a_columns_name_is_read_with_its_timeframe_and_bar(name: str, meaning: Column | None) -> None:
    assert columns.read(name) == meaning


def test_every_default_column_of_the_library_is_known() -> None:
    assert [name for name in Query().query["columns"] if columns.read(name) is None] == []
