"""Prints, as JSON, what scikit-learn fits to generated rows: `test/golden/model-figures.json`.

The rows are made of the same whole numbers and the same sums as in `test/rigs/figure-rows.ts`. Linear models:
coefficients and intercepts. Boosted trees, fitted on the first three quarters: what they say of the others.
"""

import json
import sys

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

FEATURES = 6


def main():
    lines = [json.dumps(case) for case in [*linear_cases(), *tree_cases()]]
    print("[\n" + ",\n".join(lines) + "\n]", file=sys.__stdout__)


def rows(count, missing):
    """Features (float32), a raw target of sums and products alone, and weights that go with it."""
    state = 20261125
    x = np.empty((count, FEATURES), np.float32)
    raw = np.empty(count)
    for row in range(count):
        draws = []
        for _ in range(FEATURES + 4):
            state = (state * 1103515245 + 12345) % 2**32
            draws.append((state >> 8) / 2**24)
        a, b, c, d = draws[:4]
        raw[row] = 2 * a - 3 * b * c + (1 if d > 0.5 else 0) + sum(draws[FEATURES:]) - 2
        draws[3] = int(8 * d)
        if missing and draws[4] < 0.25:
            draws[0] = np.nan
        x[row] = draws[:FEATURES]
    return x, raw, np.where(raw > 0.9, 3.0, 0.5)


TARGETS = {
    "regression": lambda raw: raw,
    "binary": lambda raw: (raw > 0.7).astype(int),
    "multiclass": lambda raw: (raw > -0.5).astype(int) + (raw > 0.8),
}
CLASS_WEIGHTS = [None, "balanced", {0: 1, 1: 5}]


def cases():
    for task, target in TARGETS.items():
        for weighted in [False, True]:
            yield {"task": task, "weighted": weighted}, target, None
    for class_weight in CLASS_WEIGHTS[1:]:
        named = class_weight if class_weight == "balanced" else {str(k): v for k, v in class_weight.items()}
        yield {"task": "binary", "weighted": False, "class_weight": named}, TARGETS["binary"], class_weight


def linear_cases():
    x, raw, weights = rows(2000, missing=False)
    for case, target, class_weight in cases():
        if case["task"] == "regression":
            model = Ridge(alpha=2, solver="cholesky")
        else:
            model = LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-12, max_iter=1000, class_weight=class_weight)
        model.fit(x.astype(float), target(raw), weights if case["weighted"] else None)
        yield {
            "kind": "linear",
            **case,
            "coefficients": np.atleast_2d(model.coef_).round(10).tolist(),
            "intercept": np.atleast_1d(model.intercept_).round(10).tolist(),
        }


def tree_cases():
    x, raw, weights = rows(20000, missing=True)
    cut = 15000
    options = {"max_iter": 60, "learning_rate": 0.1, "max_leaf_nodes": 31, "min_samples_leaf": 20, "early_stopping": False}
    for case, target, class_weight in cases():
        y = target(raw)
        if case["task"] == "regression":
            model = HistGradientBoostingRegressor(**options)
        else:
            model = HistGradientBoostingClassifier(**options, class_weight=class_weight)
        model.fit(x[:cut], y[:cut], weights[:cut] if case["weighted"] else None)
        yield {"kind": "gbdt", **case, "says": {k: round(float(v), 6) for k, v in said(model, case["task"], x[cut:], y[cut:]).items()}}


def said(model, task, x, y):
    if task == "regression":
        predicted = model.predict(x)
        return {"rmse": np.sqrt(np.mean((predicted - y) ** 2)), "mean": predicted.mean()}
    p = model.predict_proba(x)
    if task == "binary":
        return {"auc": roc_auc_score(y, p[:, 1]), "log_loss": log_loss(y, p), "mean": p[:, 1].mean()}
    return {"accuracy": accuracy_score(y, p.argmax(axis=1)), "log_loss": log_loss(y, p), "mean": p[:, 2].mean()}


main()
