"""The compiled loop that steps a prepared SQLite statement into arrays, without the GIL.

SQLite's functions come in as integer addresses, not as globals: machine code with an address in it could not be
cached on disk, and each process would compile for a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped, unused-ignore]
from numba import types  # type: ignore[import-untyped, unused-ignore]
from numba.extending import intrinsic  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from sos_actors.compiled import compiled

ROW = 100
_NULL = 5
CFunction = Callable[..., Any]


def _c_function(result: Any, result_ir: ir.Type, arguments: int) -> CFunction:
    """Make a compiled call of the C function at an address, of a pointer and ``arguments`` ints.

    Source: https://www.sqlite.org/c3ref/column_blob.html and https://www.sqlite.org/c3ref/step.html.
    """
    c_int, c_pointer = ir.IntType(32), ir.IntType(64)
    c_type = ir.FunctionType(result_ir, [c_pointer] + [c_int] * arguments)

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        function = builder.inttoptr(values[0], c_type.as_pointer())
        numbers = [builder.trunc(value, c_int) for value in values[2:]]
        return builder.call(function, [values[1], *numbers])

    signature = result(*[types.int64] * (2 + arguments))
    if arguments:
        return intrinsic(lambda _typing, _address, _statement, _column: (signature, generate))
    return intrinsic(lambda _typing, _address, _statement: (signature, generate))


_step = _c_function(types.int32, ir.IntType(32), 0)
_integer = _c_function(types.int64, ir.IntType(64), 1)
_double = _c_function(types.float64, ir.DoubleType(), 1)
_type = _c_function(types.int32, ir.IntType(32), 1)


@compiled
def step_into(
    functions: NDArray[np.int64], statement: int, first: NDArray[np.int64], rest: NDArray[np.float64]
) -> tuple[int, int]:
    """Step until the arrays are full or the statement is done.

    Args:
        functions: addresses of sqlite3_step, _column_int64, _column_double, _column_type.
        statement: address of the prepared statement.
        first: int64 (n,), filled from the first column.
        rest: float64 (columns, n), filled from the others; NULL becomes NaN.

    Returns:
        Rows filled and SQLite's last result code (``ROW`` when the arrays are full).
    """
    step, integer, double, kind = functions[0], functions[1], functions[2], functions[3]
    columns, size = rest.shape
    for row in range(size):
        code: int = _step(step, statement)
        if code != ROW:
            return row, code
        first[row] = _integer(integer, statement, 0)
        for column in range(columns):
            value = _double(double, statement, column + 1)
            if value == 0.0 and _type(kind, statement, column + 1) == _NULL:
                value = np.nan
            rest[column, row] = value
    return size, ROW
