"""Opens model directories with MLflow's own client and compares what they predict.

Usage: open-model.py CASES, where CASES is JSON: [{"model": folder, "columns": {name: {"type", "values"}},
"expected": {name: [...]}}]. Prints as JSON, for each case, "equal" or the first difference.
"""

import json
import sys

import mlflow.pyfunc
import numpy
import pandas
from mlflow.exceptions import MlflowException

DTYPES = {"float": "float64", "integer": "int64", "boolean": "bool", "date": "int64", "text": "object"}
ANSWERS = {"float": "float32", "long": "int64", "boolean": "bool", "string": "object"}


def main(cases_path):
    with open(cases_path, encoding="utf-8") as file:
        return [verdict(**case) for case in json.load(file)]


def verdict(model, columns, expected):
    opened = mlflow.pyfunc.load_model(model)
    signature = opened.metadata.signature
    if signature.inputs.input_names() != list(columns):
        return f"the signature takes {signature.inputs.input_names()}"
    rows = pandas.DataFrame({name: series(**column) for name, column in columns.items()})
    # As a client may send them: in another order, with a column that the model does not know.
    answer = opened.predict(rows[reversed(list(columns))].assign(unrelated="x"))
    if list(answer.columns) != list(expected) or signature.outputs.input_names() != list(expected):
        return f"the columns are {list(answer.columns)}, the signature gives {signature.outputs.input_names()}"
    for output in signature.outputs.inputs:
        if answer[output.name].dtype != ANSWERS[output.type.name]:
            return f"{output.name} is {answer[output.name].dtype}, not {output.type.name} as the signature says"
    for name, values in expected.items():
        found = answer[name].to_numpy()
        if isinstance(values[0], float):
            equal = numpy.isclose(found, numpy.array(values), rtol=1e-5, atol=0)
        else:
            equal = found == numpy.array(values)
        if not equal.all():
            row = int(numpy.argmin(equal))
            return f"{name} of row {row} is {found[row]!r}, not {values[row]!r}"
    try:
        opened.predict(rows.drop(columns=list(columns)[0]))
        return "a missing column is no error"
    except MlflowException:
        return "equal"


def series(type, values):
    if type == "date":  # what pandas makes of NaT
        values = [-(2**63) if value is None else value for value in values]
    return pandas.Series(values, dtype=DTYPES[type])


if __name__ == "__main__":
    # MLflow tells of itself on stdout.
    print(json.dumps(main(sys.argv[1])), file=sys.__stdout__)
