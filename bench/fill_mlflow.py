"""Fills an MLflow database by MLflow's own client: `python fill_mlflow.py sqlite:///FILE RUNS`.

Each run has 5 metrics, 3 parameters and a tag, from numbers that are the same each time; an hour for 100,000 runs.
"""

import random
import sys

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

uri, runs = sys.argv[1], int(sys.argv[2])
client = MlflowClient(uri, uri)
experiment = client.create_experiment("big", artifact_location="mlflow-artifacts:/big")
numbers = random.Random(7)
for index in range(runs):
    at = 1_700_000_000_000 + index * 1000
    run = client.create_run(experiment, start_time=at, run_name=f"run {index}", tags={"team": numbers.choice("abc")}).info.run_id
    metrics = [Metric(f"m{key}", numbers.random(), at, 0) for key in range(5)]
    client.log_batch(run, metrics, [Param(f"p{key}", str(numbers.randrange(10))) for key in range(3)], [], synchronous=True)
    if index % 10 == 0:
        client.set_terminated(run, "FINISHED", at + 500)
