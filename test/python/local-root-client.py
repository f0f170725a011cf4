"""Logs files and a model where artifacts lie in a folder, registers it, and prints what comes back."""

import json
import os
import sys
import tempfile
import warnings

import mlflow
import mlflow.pyfunc

warnings.filterwarnings("ignore")
root = sys.argv[1]


class Doubles(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return [2 * value for value in model_input]


client = mlflow.MlflowClient()
with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
    with open(os.path.join(folder, "notes.txt"), "w") as file:
        file.write("notes")
    mlflow.log_artifact(os.path.join(folder, "notes.txt"), "deep")
    mlflow.log_text("text", "text.txt")
    # What the two versions of the client call it.
    name = {"name": "model"} if mlflow.__version__.startswith("3") else {"artifact_path": "model"}
    info = mlflow.pyfunc.log_model(
        python_model=Doubles(), pip_requirements=["mlflow"], registered_model_name="doubles", **name
    )
id = run.info.run_id
client.set_registered_model_alias("doubles", "champion", "1")
version = client.get_model_version("doubles", "1")
print(
    "\n"
    + json.dumps(
        {
            "uri": client.get_run(id).info.artifact_uri.removeprefix(root).replace(id, "RUN"),
            "listed": [file.path for file in client.list_artifacts(id, "deep")],
            "text": mlflow.artifacts.load_text(f"{run.info.artifact_uri}/text.txt"),
            "is_local": version.source.startswith((root, "models:")),
            "predicted": [
                list(mlflow.pyfunc.load_model(uri).predict([1, 2]))
                for uri in (info.model_uri, "models:/doubles/1", "models:/doubles@champion")
            ],
        }
    )
)
