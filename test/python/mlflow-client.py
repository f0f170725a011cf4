"""Every user-level call of MLflow's client against the server of MLFLOW_TRACKING_URI; writes what each gave as JSON."""

import sys
import warnings

warnings.filterwarnings("ignore")

import client_functions
import client_registry
import client_tracking
import client_training
import mlflow
import pandas as pd
from client_calls import IS_NEW, call, client, files, results, write
from sklearn.linear_model import LogisticRegression

client_functions.record()
DATA = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1]})


def tracked(run):
    data = client.get_run(run).data
    return {
        "metrics": {key: repr(value) for key, value in sorted(data.metrics.items())},
        "params": dict(sorted(data.params.items())),
        "tags": {k: v for k, v in sorted(data.tags.items()) if not k.startswith("mlflow.")},
    }


def predictions(uri):
    return [int(value) for value in mlflow.pyfunc.load_model(uri).predict(DATA[["x"]])]


call("set_experiment", lambda: mlflow.set_experiment("demo").name)
call("experiment again", lambda: client.create_experiment("demo"))
call("experiment by name", lambda: client.get_experiment_by_name("nothing"))
call("experiment tag", lambda: client.set_experiment_tag(client.get_experiment_by_name("demo").experiment_id, "a", "b"))
call("experiment tags", lambda: client.get_experiment_by_name("demo").tags)

with mlflow.start_run(run_name="first", tags={"team": "blue"}) as run:
    id = run.info.run_id
    call("log_param", lambda: mlflow.log_param("lr", 0.1))
    call("log_param same", lambda: mlflow.log_param("lr", 0.1))
    call("log_param other", lambda: client.log_param(id, "lr", 0.2))
    call("log_params", lambda: mlflow.log_params({"depth": 3, "kind": "tree"}))
    call("log_metric", lambda: mlflow.log_metric("auc", 0.5, step=1))
    call("log_metric nan", lambda: mlflow.log_metric("nan", float("nan")))
    call("log_metric inf", lambda: mlflow.log_metric("inf", float("inf")))
    call("log_metrics", lambda: mlflow.log_metrics({"auc": 0.7, "loss": 1.5}, step=2))
    call("log_metric bad key", lambda: mlflow.log_metric("../x", 1))
    call("set_tags", lambda: mlflow.set_tags({"x": "y", "z": "long" * 100}))
    call("delete_tag", lambda: client.delete_tag(id, "x"))
    call("delete_tag again", lambda: client.delete_tag(id, "x"))
    call("log_text", lambda: mlflow.log_text("hello", "notes/hello.txt"))
    call("log_dict", lambda: mlflow.log_dict({"a": 1}, "notes/a.json"))
    call("log_table", lambda: mlflow.log_table({"a": [1, 2]}, "table.json"))
    call("log_input", lambda: mlflow.log_input(mlflow.data.from_pandas(DATA, name="flights"), context="training"))
    with mlflow.start_run(run_name="child", nested=True):
        call("child metric", lambda: mlflow.log_metric("auc", 0.1))
    model = LogisticRegression().fit(DATA[["x"]], DATA["y"])
    call("log_model", lambda: mlflow.sklearn.log_model(model, "model", input_example=DATA[["x"]]).artifact_path)
    call(
        "log_model registered",
        lambda: mlflow.sklearn.log_model(model, "other", registered_model_name="logged").registered_model_version,
    )

call("get_run", lambda: tracked(id))
call("get_run status", lambda: client.get_run(id).info.status)
call("get_run missing", lambda: client.get_run("0" * 32))
call("inputs", lambda: [[i.dataset.name, {t.key: t.value for t in i.tags}] for i in client.get_run(id).inputs.dataset_inputs])
call("history", lambda: [[m.step, m.value] for m in client.get_metric_history(id, "auc")])
for name, filter, order in [
    ("search metric", "metrics.auc > 0.6", []),
    ("search param", "params.lr = '0.1' and tags.team = 'blue'", []),
    ("search like", "attributes.run_name LIKE 'F%'", []),
    ("search ilike", "attributes.run_name ILIKE 'F%'", []),
    ("search status", "attributes.status = 'FINISHED'", ["metrics.auc DESC"]),
    ("search dataset", "dataset.name = 'flights'", []),
]:
    call(
        name,
        lambda filter=filter, order=order: [
            run.info.run_name
            for run in mlflow.search_runs(
                experiment_names=["demo"], filter_string=filter, order_by=order, output_format="list"
            )
        ],
    )
call("search bad", lambda: client.search_runs(["0"], "metrics.auc >")["error"])
results["search bad"].pop("message", None)
call("search experiments", lambda: [e.name for e in client.search_experiments(filter_string="name LIKE 'd%'")])
call("artifacts", lambda: files(id))
call("artifacts below", lambda: files(id, "notes"))
call("download", lambda: open(mlflow.artifacts.download_artifacts(run_id=id, artifact_path="notes/hello.txt")).read())
call("load_dict", lambda: mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/notes/a.json"))
call("load_model runs", lambda: predictions(f"runs:/{id}/model"))

call("register_model", lambda: mlflow.register_model(f"runs:/{id}/model", "clf").version)
call("register_model again", lambda: mlflow.register_model(f"runs:/{id}/model", "clf").version)
call("alias", lambda: client.set_registered_model_alias("clf", "champion", 1))
call("alias bad", lambda: client.set_registered_model_alias("clf", "v1", 1)["error"])
results["alias bad"].pop("message", None)
call("by alias", lambda: predictions("models:/clf@champion"))
call("by version", lambda: predictions("models:/clf/2"))
call("by latest", lambda: predictions("models:/clf/latest"))
call("stage", lambda: client.transition_model_version_stage("clf", 1, "Staging").current_stage)
call("by stage", lambda: predictions("models:/clf/Staging"))
call("version tag", lambda: client.set_model_version_tag("clf", "1", "ok", "yes"))
call("model tag", lambda: client.set_registered_model_tag("clf", "team", "blue"))
call("describe", lambda: client.update_model_version("clf", "1", "good").description)
call("version", lambda: [client.get_model_version("clf", "1").tags, list(client.get_model_version("clf", "1").aliases)])
call("version missing", lambda: client.get_model_version("clf", "9"))
call("search models", lambda: sorted(m.name for m in client.search_registered_models("name LIKE 'c%'")))
call("search versions", lambda: [[v.name, v.version] for v in client.search_model_versions("name = 'clf'")])
call("latest versions", lambda: sorted([v.version, v.current_stage] for v in client.get_latest_versions("clf")))
call("rename", lambda: client.rename_registered_model("clf", "renamed") and None)
call("renamed", lambda: predictions("models:/renamed@champion"))
call("copy", lambda: client.copy_model_version("models:/renamed/1", "copied").version)
call("by copy", lambda: predictions("models:/copied/1"))
call("prompt", lambda: mlflow.register_prompt("greeting", "Hi {{name}}").version)
call("prompt load", lambda: mlflow.load_prompt("prompts:/greeting/1").format(name="Ann"))
call("prompt is no model", lambda: [m.name for m in client.search_registered_models("name = 'greeting'")])
call("delete version", lambda: client.delete_model_version("renamed", "2"))
call("new version", lambda: mlflow.register_model(f"runs:/{id}/model", "renamed").version)
call("delete model", lambda: client.delete_registered_model("copied"))
call("delete model again", lambda: client.delete_registered_model("copied"))

call("delete run", lambda: client.delete_run(id))
call("write to deleted", lambda: client.log_metric(id, "auc", 1))
call("search deleted", lambda: len(client.search_runs([run.info.experiment_id], run_view_type=2)))
call("restore run", lambda: client.restore_run(id))
call("rename experiment", lambda: client.rename_experiment(run.info.experiment_id, "renamed"))
call("delete experiment", lambda: client.delete_experiment(run.info.experiment_id))
call("deleted experiment", lambda: client.get_experiment(run.info.experiment_id).lifecycle_stage)
call("restore experiment", lambda: client.restore_experiment(run.info.experiment_id))

client_registry.models()
client_registry.prompts()
client_tracking.tracking()
client_training.autologging()
client_training.evaluations()
if IS_NEW:
    import client_genai

    client_genai.genai()
results["not called"] = client_functions.not_called(IS_NEW)
write(sys.argv[1])
