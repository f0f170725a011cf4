"""What programs that train write: autologging of scikit-learn and of XGBoost, and evaluations."""

import mlflow
import pandas as pd
import xgboost
from client_calls import call, client, results, whole
from mlflow.models import MetricThreshold, make_metric
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV

ROWS = pd.DataFrame({"a": [float(n) for n in range(40)], "b": [float(n % 7) for n in range(40)]})
LABELS = pd.Series([int(n > 15) for n in range(40)], name="label")
SUMS = pd.Series([2.0 * n + n % 7 for n in range(40)], name="sum")
TREES = {"objective": "binary:logistic", "max_depth": 2, "eval_metric": ["logloss", "auc"], "nthread": 1}


def autologged(name, fit):
    with mlflow.start_run(run_name=name) as run:
        fit()
    call(f"autolog {name}", lambda: whole(run.info.run_id))
    return run.info.run_id


def children(run):
    query = f"tags.mlflow.parentRunId = '{run}'"
    found = client.search_runs([client.get_run(run).info.experiment_id], query, order_by=["params.C"])
    return [[child.data.params, sorted(child.data.metrics)] for child in found]


def autologging():
    mlflow.set_experiment("scikit-learn")
    mlflow.sklearn.autolog(max_tuning_runs=2)
    autologged("classifier", lambda: LogisticRegression().fit(ROWS, LABELS))
    search = autologged("search", lambda: GridSearchCV(LogisticRegression(), {"C": [0.5, 1.0]}, cv=2).fit(ROWS, LABELS))
    call("autolog search children", lambda: children(search))
    mlflow.sklearn.autolog(disable=True)

    mlflow.set_experiment("xgboost")
    mlflow.xgboost.autolog()
    matrix = xgboost.DMatrix(ROWS, LABELS)
    trained = autologged(
        "xgboost.train", lambda: xgboost.train(TREES, matrix, num_boost_round=3, evals=[(matrix, "train")])
    )
    autologged("XGBRegressor", lambda: xgboost.XGBRegressor(n_estimators=2, max_depth=2, n_jobs=1).fit(ROWS, SUMS))
    mlflow.xgboost.autolog(disable=True)
    call(
        "load xgboost",
        lambda: [
            [round(float(value), 4) for value in mlflow.pyfunc.load_model(f"runs:/{trained}/model").predict(ROWS[:3])],
            mlflow.xgboost.load_model(f"runs:/{trained}/model").num_boosted_rounds(),
        ],
    )


def evaluated(name, model, labels, kind, **options):
    with mlflow.start_run(run_name=name) as run:
        uri = mlflow.sklearn.log_model(model.fit(ROWS, labels), "model", input_example=ROWS[:2]).model_uri
        result = mlflow.models.evaluate(
            uri, ROWS.assign(**{labels.name: labels}), targets=labels.name, model_type=kind, **options
        )
    results[f"evaluate {name} result"] = [
        {key: repr(value) for key, value in sorted(result.metrics.items())},
        sorted(result.artifacts),
    ]
    call(f"evaluate {name}", lambda: whole(run.info.run_id))
    return result


def evaluations():
    mlflow.set_experiment("evaluations")
    evaluated("classifier", LogisticRegression(), LABELS, "classifier")
    # The client looks at the names of its arguments.
    worst = lambda predictions, targets: float((predictions - targets).abs().max())
    off = make_metric(eval_fn=worst, greater_is_better=False, name="off")
    result = evaluated("regressor", LinearRegression(), SUMS, "regressor", extra_metrics=[off])
    too_good = {"r2_score": MetricThreshold(threshold=2.0, greater_is_better=True)}
    try:
        mlflow.validate_evaluation_results(too_good, result)
    except mlflow.models.evaluation.validation.ModelValidationFailedException as error:
        results["validate"] = str(error)
    with mlflow.start_run(run_name="table") as run:
        mlflow.evaluate(
            data=ROWS.assign(label=LABELS, found=LABELS), targets="label", predictions="found", model_type="classifier"
        )
    call("evaluate table", lambda: whole(run.info.run_id))
