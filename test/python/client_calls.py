"""Calls of MLflow's client, and what each gave.

Ids, times and random names are left out, so that two servers which behave alike print the same.
"""

import json
import os
import re

# What is written is there when it is asked for.
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

results = {}
IS_NEW = hasattr(MlflowClient, "create_logged_model")
# Who ran what on which machine, and names that are dice.
OWN_TAGS = ("mlflow.user", "mlflow.source", "mlflow.runName")

client = MlflowClient()


def call(name, work):
    try:
        results[name] = work()
    except MlflowException as error:
        # The real server goes on with what its database said.
        results[name] = {"error": error.error_code, "message": error.message.split(" Error: (")[0]}


def files(run, path=None):
    return [[file.path, file.is_dir] for file in client.list_artifacts(run, path)]


def all_files(list_folder, path=None):
    """Of every folder below `path`."""
    found = []
    for file in list_folder(path):
        found += all_files(list_folder, file.path) if file.is_dir else [file.path]
    return sorted(found)


def own(tags):
    """Without those that say who, when and where."""
    kept = {key: value for key, value in sorted(tags.items()) if not key.startswith(OWN_TAGS)}
    if "mlflow.log-model.history" in kept:
        kept["mlflow.log-model.history"] = [
            {key: value for key, value in model.items() if key not in ("utc_time_created", "model_uuid")}
            for model in json.loads(kept["mlflow.log-model.history"])
        ]
    return kept


def whole(run_id):
    """All that is kept of a run, its files' paths and the models of it included."""
    run = client.get_run(run_id)
    return {
        "status": run.info.status,
        "metrics": {
            key: [[point.step, repr(point.value)] for point in client.get_metric_history(run_id, key)]
            for key in sorted(run.data.metrics)
        },
        "params": dict(sorted(run.data.params.items())),
        "tags": own(run.data.tags),
        "files": all_files(lambda path: client.list_artifacts(run_id, path)),
        "inputs": [
            [i.dataset.name, i.dataset.digest, i.dataset.source_type, i.dataset.schema, i.dataset.profile]
            + sorted([tag.key, tag.value] for tag in i.tags)
            for i in run.inputs.dataset_inputs
        ],
        "models": models_of(run) if IS_NEW else [],
    }


def models_of(run):
    found = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    return [
        {
            "name": model.name,
            "status": str(model.status),
            "type": model.model_type,
            "params": dict(sorted(model.params.items())),
            "tags": own(model.tags),
            "metrics": sorted(
                [metric.key, metric.step, "a time" if metric.key.endswith("_time") else repr(metric.value)]
                for metric in model.metrics
            ),
            "files": all_files(lambda path: client.list_logged_model_artifacts(model.model_id, path)),
            "outputs": [output.step for output in run.outputs.model_outputs if output.model_id == model.model_id],
        }
        for model in found
    ]


def write(path):
    text = json.dumps(results)
    # Of runs, traces, spans.
    with open(path, "w", encoding="utf8") as file:
        file.write(re.sub(r"[0-9a-f]{32}", "ID", text))
