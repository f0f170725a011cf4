"""A moving mean of the daily maxima. Plain Python: all it is told stands in the file STOCKPOT_STEP."""

import csv
import json
import os
import sys

window = int(sys.argv[1])
with open(os.environ["STOCKPOT_STEP"], encoding="utf-8") as file:
    step = json.load(file)

with open(step["inputs"]["raw"]["path"], encoding="utf-8") as file:
    values = [float(row["temp_max"]) for row in csv.DictReader(file)]

means = [sum(values[i - window : i]) / window for i in range(window, len(values) + 1)]
summary = {f"max_{window}": round(max(means), 3), f"min_{window}": round(min(means), 3)}

with open(step["outputs"]["summary"]["path"], "w", encoding="utf-8") as file:
    json.dump(summary, file)
    file.write("\n")
with open(step["report"], "a", encoding="utf-8") as report:
    for key, value in summary.items():
        report.write(json.dumps({"type": "metric", "key": key, "value": value}) + "\n")
