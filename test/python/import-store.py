"""`fill URI ARTIFACTS` writes into an MLflow store by its own client; `read URI` prints all that the client finds in one.

Places of files are left out, as an import gives them others.
"""

import json
import math
import sys
import warnings

warnings.filterwarnings("ignore")

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import ViewType

what, uri = sys.argv[1:3]
mlflow.set_tracking_uri(uri)
mlflow.set_registry_uri(uri)
client = MlflowClient()
IS_NEW = hasattr(client, "get_logged_model")
if IS_NEW:
    from mlflow.entities import AssessmentError, AssessmentSource
DATA = pd.DataFrame({"x": [1.0, 2.0]})


class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input


@mlflow.trace
def traced(x):
    with mlflow.start_span("inner"):
        return x + 1


def fill(artifacts):
    client.create_experiment("demo", artifact_location=artifacts, tags={"a": "b"})
    gone = client.create_experiment("gone")
    mlflow.set_experiment("demo")
    with mlflow.start_run(run_name="first", tags={"team": "größer"}) as run:
        mlflow.log_params({"lr": 0.1, "deep/depth": 3})
        for step in range(5):
            mlflow.log_metric("auc", step / 10, step=step)
        mlflow.log_metrics({"nan": math.nan, "inf": math.inf, "less": -math.inf})
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_input(mlflow.data.from_pandas(DATA, name="flights"), context="training")
        if IS_NEW:
            model = mlflow.pyfunc.log_model(name="model", python_model=Echo(), registered_model_name="clf")
            mlflow.log_metric("score", 0.5, model_id=model.model_id)
        else:
            model = mlflow.pyfunc.log_model("model", python_model=Echo(), registered_model_name="clf")
    for _ in range(2):
        client.create_model_version("clf", model.model_uri, run.info.run_id)
    client.delete_model_version("clf", "3")
    client.set_registered_model_alias("clf", "champion", 1)
    client.set_model_version_tag("clf", "1", "ok", "yes")
    client.set_registered_model_tag("clf", "team", "blue")
    client.transition_model_version_stage("clf", "2", "Staging")
    with mlflow.start_run(run_name="dead") as dead:
        pass
    client.delete_run(dead.info.run_id)
    with mlflow.start_run(experiment_id=gone):
        pass
    client.delete_experiment(gone)
    with mlflow.start_run(run_name="traced"):
        traced(2)
    if IS_NEW:
        mlflow.flush_trace_async_logging()
        assess(mlflow.get_last_active_trace_id())


def number(value):
    """A database keeps an infinity as the largest number, a folder as it is."""
    return repr(max(-sys.float_info.max, min(sys.float_info.max, value)) if math.isinf(value) else value)


def run_of(run):
    # A folder of MLflow 3 may hold a point twice; the client orders as the store does.
    history = {
        key: sorted({(m.step, m.timestamp, number(m.value)) for m in client.get_metric_history(run.info.run_id, key)})
        for key in sorted(run.data.metrics)
    }
    info = run.info
    # What a model is told to be logged with names its place.
    tags = {k: v for k, v in sorted(run.data.tags.items()) if k != "mlflow.log-model.history"}
    return {
        "info": [info.run_id, info.run_name, info.status, info.start_time, info.end_time, info.lifecycle_stage, info.user_id],
        "params": dict(sorted(run.data.params.items())),
        "metrics": {k: number(v) for k, v in sorted(run.data.metrics.items())},
        "history": history,
        "tags": tags,
        "inputs": [[i.dataset.name, i.dataset.digest, i.dataset.source, {t.key: t.value for t in i.tags}] for i in run.inputs.dataset_inputs],
        "outputs": [[o.model_id, o.step] for o in run.outputs.model_outputs] if IS_NEW and run.outputs else [],
        "files": [[f.path, f.is_dir, f.file_size] for f in client.list_artifacts(run.info.run_id)],
    }


def assess(trace):
    source = AssessmentSource(source_type="HUMAN", source_id="ann")
    first = mlflow.log_feedback(trace_id=trace, name="right", value=False, source=source, rationale="größer")
    mlflow.override_feedback(trace_id=trace, assessment_id=first.assessment_id, value=True, source=source, metadata={"k": "v"})
    mlflow.log_feedback(trace_id=trace, name="failed", error=AssessmentError(error_code="LIMIT"), source=source)
    mlflow.log_expectation(trace_id=trace, name="answer", value=["a", 1.5], source=source)


def assessments_of(trace):
    # A folder may not say of an expectation that it is valid.
    return sorted(
        [a.assessment_id, a.name, a.create_time_ms, a.rationale, a.metadata, a.source.to_dictionary(), a.valid is not False]
        + [a.feedback.to_dictionary() if a.feedback else a.expectation.to_dictionary(), a.overrides]
        for a in (trace.info.assessments if IS_NEW else [])
    )


def read():
    experiments = sorted(client.search_experiments(view_type=ViewType.ALL), key=lambda e: e.name)
    ids = [e.experiment_id for e in experiments]
    runs = client.search_runs(ids, run_view_type=ViewType.ALL)
    demo = client.get_experiment_by_name("demo").experiment_id
    first = next(run for run in runs if run.info.run_name == "first")
    traces = client.search_traces([demo])
    return {
        "experiments": [[e.name, e.lifecycle_stage, e.tags] for e in experiments],
        "runs": [run_of(client.get_run(run.info.run_id)) for run in sorted(runs, key=lambda run: run.info.run_id)],
        "hello": open(mlflow.artifacts.download_artifacts(run_id=first.info.run_id, artifact_path="notes/hello.txt")).read(),
        "models": [
            # Some stores give versions as numbers.
            [m.name, m.creation_timestamp, m.tags, {alias: str(version) for alias, version in m.aliases.items()}]
            for m in client.search_registered_models()
        ],
        "versions": [
            [str(v.version), v.creation_timestamp, v.current_stage, v.run_id, v.status, v.tags]
            for v in sorted(client.search_model_versions("name = 'clf'"), key=lambda v: int(v.version))
        ],
        "champion": mlflow.pyfunc.load_model("models:/clf@champion").predict(DATA)["x"].tolist(),
        "logged": [
            [
                m.model_id,
                m.name,
                str(m.status),
                m.source_run_id,
                m.params,
                # MLflow's database forgets that a model's metric is NaN.
                sorted([x.key, number(x.value), x.run_id] for x in m.metrics if x.key != "nan"),
            ]
            for m in client.search_logged_models([demo])
        ]
        if IS_NEW
        else [],
        "traces": [
            [str(t.info.status), t.info.execution_time_ms, sorted(span.name for span in t.data.spans), assessments_of(t)]
            for t in traces
        ],
    }


if what == "fill":
    fill(sys.argv[3])
else:
    print("\n" + json.dumps(read(), sort_keys=True))
