"""Logs a file of some parts and an odd rest, and one that is too small for that; prints whether they come back."""

import hashlib
import json
import os
import random
import tempfile

import mlflow

os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = "1000000"
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = "5242880"


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
    files = {"large.bin": 3 * 5_242_880 + 12_345, "small.bin": 999_999}
    for name, size in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(random.Random(name).randbytes(size))
        mlflow.log_artifact(os.path.join(folder, name), "deep")
    listed = [[file.path, file.file_size] for file in mlflow.MlflowClient().list_artifacts(run.info.run_id, "deep")]
    same = []
    for name in files:
        copy = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=f"deep/{name}")
        same.append(digest(copy) == digest(os.path.join(folder, name)))

print("\n" + json.dumps({"listed": listed, "same": same}))
