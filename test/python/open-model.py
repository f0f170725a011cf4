"""Opens a model directory with MLflow's own client and compares what it predicts.

Usage: open-model.py MODEL CASE, where CASE is JSON: {"columns": {name: {"type", "values"}},
"expected": {name: [...]}}. Prints "equal", or the first difference, and exits 1.
"""

import json
import sys

import mlflow.pyfunc
import numpy
import pandas

DTYPES = {"float": "float64", "integer": "int64", "boolean": "bool", "date": "int64", "text": "object"}


def main(model_dir, case_path):
    with open(case_path, encoding="utf-8") as file:
        case = json.load(file)
    rows = pandas.DataFrame({name: series(**column) for name, column in case["columns"].items()})
    answer = mlflow.pyfunc.load_model(model_dir).predict(rows)
    if list(answer.columns) != list(case["expected"]):
        return f"the columns are {list(answer.columns)}"
    for name, expected in case["expected"].items():
        found = answer[name].to_numpy()
        if isinstance(expected[0], float):
            equal = numpy.isclose(found, numpy.array(expected), rtol=1e-5, atol=0)
        else:
            equal = found == numpy.array(expected)
        if not equal.all():
            row = int(numpy.argmin(equal))
            return f"{name} of row {row} is {found[row]!r}, not {expected[row]!r}"
    return "equal"


def series(type, values):
    if type == "date":  # what pandas makes of NaT
        values = [-(2**63) if value is None else value for value in values]
    return pandas.Series(values, dtype=DTYPES[type])


if __name__ == "__main__":
    verdict = main(*sys.argv[1:])
    print(verdict)
    sys.exit(0 if verdict == "equal" else 1)
