"""What a user does who is signed in, by the credentials in the environment; prints what came of it."""

import hashlib
import json
import os
import random
import tempfile

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = "1000000"
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = "5242880"
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Doubles(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [2 * n for n in model_input]


def work(name):
    client = mlflow.MlflowClient()
    experiment = client.create_experiment(name)
    run = client.create_run(experiment).info.run_id
    client.log_batch(run, [Metric("loss", 0.5, 1, 0)], [Param("depth", "3")], [RunTag("team", "blue")])
    with tempfile.TemporaryDirectory() as folder:
        sent = os.path.join(folder, "large.bin")
        with open(sent, "wb") as file:
            file.write(random.Random(name).randbytes(5_242_880 + 12_345))
        client.log_artifact(run, sent, "deep")
        got = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="deep/large.bin")
        same = digest(got) == digest(sent)
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run(run_id=run):
        options = {"name": "model"} if hasattr(client, "create_logged_model") else {"artifact_path": "model"}
        model = mlflow.pyfunc.log_model(python_model=Doubles(), pip_requirements=[], **options)
    version = mlflow.register_model(model.model_uri, name).version
    client.set_registered_model_alias(name, "champion", version)
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    data = client.get_run(run).data
    return {
        "metrics": data.metrics,
        "params": data.params,
        "team": data.tags["team"],
        "same": same,
        "files": [file.path for file in client.list_artifacts(run, "deep")],
        "version": str(version),
        "predicted": loaded.predict([1, 2]),
    }


try:
    result = work(os.environ["STOCKPOT_TEST_NAME"])
except MlflowException as error:
    result = {"refused": type(error).__name__, "code": error.error_code, "message": error.message}

print("\n" + json.dumps(result))
