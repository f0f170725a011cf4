"""A program as people write them: autolog, a search with trials, a model that is logged, read back and registered."""

import sys

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

mlflow.set_experiment("apples")
mlflow.autolog()

rows = pd.DataFrame({"a": [float(n) for n in range(40)], "b": [float(n % 7) for n in range(40)]})
labels = [int(n > 15) for n in range(40)]

with mlflow.start_run() as run:
    LogisticRegression(C=float(sys.argv[1])).fit(rows, labels)
    for step, loss in enumerate([0.5, 0.25]):
        mlflow.log_metric("loss", loss, step=step)
    mlflow.log_metric("odd", float("nan"))
    mlflow.log_text("hello", "notes/hello.txt")
    for depth in (1, 2):
        with mlflow.start_run(nested=True, run_name=f"trial-{depth}"):
            mlflow.log_param("depth", depth)
            mlflow.log_metric("accuracy", depth / 10)

model = f"runs:/{run.info.run_id}/model"
print("predicts", [int(value) for value in mlflow.pyfunc.load_model(model).predict(rows[:3])])
for name, call in [
    ("register", lambda: mlflow.register_model(model, "apples")),
    ("load", lambda: mlflow.pyfunc.load_model("models:/apples@champion")),
]:
    try:
        call()
    except MlflowException as error:
        print(name, error)
