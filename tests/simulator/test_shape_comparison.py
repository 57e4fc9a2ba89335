from __future__ import annotations

from tests.simulator.shapes import differences, shape_of

REAL = shape_of([{"a": 1, "b": 2.5, "c": "x"}, {"a": 2, "b": 3, "c": None, "sometimes": [1.5]}])


def test_an_answer_of_the_same_shape_has_no_differences() -> None:
    assert differences(REAL, shape_of([{"a": 7, "b": 1.0, "c": "y"}])) == []
    assert differences(REAL, shape_of([{"a": 7, "b": 1, "c": None, "sometimes": []}])) == []


def test_missing_and_invented_keys_and_other_types_are_told() -> None:
    assert differences(REAL, shape_of([{"a": 7, "b": 1.0}])) == ["[].c: missing"]
    assert differences(REAL, shape_of([{"a": 7, "b": 1.0, "c": "", "d": 0}])) == ["[].d: invented"]
    assert differences(REAL, shape_of([{"a": 7.5, "b": 1.0, "c": ""}])) == ["[].a: float instead of ['int']"]
    assert differences(REAL, shape_of({})) == [": dict instead of ['list']"]


def test_a_whole_number_stands_for_a_fraction_only_where_that_is_said() -> None:
    real, ours = shape_of({"a": 1.5}), shape_of({"a": 1})
    assert differences(real, ours) == [".a: int instead of ['float']"]
    assert differences(real, ours, whole_floats=True) == []


def test_a_dictionary_keyed_by_numbers_is_a_list_of_its_values() -> None:
    real = shape_of({"25000": {"oi": 1.0}, "25050": {"oi": 2.0}})
    assert differences(real, shape_of({"19000": {"oi": 3.0}})) == []
    assert differences(real, shape_of({"19000": {"volume": 3.0}})) == ["[].volume: invented", "[].oi: missing"]
