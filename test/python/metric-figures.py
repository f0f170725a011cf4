"""Prints, as JSON, what MLflow's own evaluator computes for small cases: `test/golden/metric-figures.json`.

Of each case: name, task, y and p (a value, or the probabilities of each class in a row), w if rows have
weights, labels of classifiers, and the metrics. A metric that has no value is null; `error` says that MLflow
gives none at all.
"""

import json
import math
import sys
import warnings

import numpy as np
from mlflow.models.evaluation.evaluators import classifier, regressor
from sklearn.metrics import f1_score

RANDOM = np.random.default_rng(20261125)


def main():
    cases = list(regressions()) + list(classifications())
    lines = [json.dumps(figures(**case)) for case in cases]
    print("[\n" + ",\n".join(lines) + "\n]", file=sys.__stdout__)


def regressions():
    y = RANDOM.normal(10, 5, 30).round(3)
    p = np.float32(y + RANDOM.normal(0, 2, 30))
    w = RANDOM.integers(0, 4, 30) / 2
    yield {"name": "any values", "y": y, "p": p}
    yield {"name": "any values, weighted", "y": y, "p": p, "w": w}
    yield {"name": "one row", "y": y[:1], "p": p[:1]}
    yield {"name": "constant target", "y": np.full(5, 2.0), "p": np.float32([1, 2, 3, 2, 2])}
    yield {"name": "constant target, weighted", "y": np.full(3, 0.1), "p": np.float32([1, 2, 3]), "w": np.array([0.1, 0.7, 3])}
    yield {"name": "constant target, met exactly", "y": np.full(5, 2.0), "p": np.full(5, 2, np.float32)}
    yield {"name": "zeros", "y": np.array([0.0, 0.0, 1.0, -1.0]), "p": np.float32([0, 0.5, 1, 1])}
    yield {"name": "large values", "y": np.array([1e15, 1e15 + 2, 1e15 + 4]), "p": np.float32([1e15, 1e15, 1e15])}


def classifications():
    y = RANDOM.integers(0, 2, 40)
    p = np.float32(np.clip(y * 0.3 + RANDOM.random(40) * 0.7, 0.001, 0.999))
    w = RANDOM.integers(0, 4, 40) / 2
    yield binary("two classes", y, p)
    yield binary("two classes, weighted", y, p, w)
    yield binary("two classes, equal scores", y, np.float32(p.round(1)))
    yield binary("two classes, equal scores, weighted", y, np.float32(p.round(1)), w)
    yield binary("two classes, one score", y, np.full(40, 0.5, np.float32))
    yield binary("two classes, certain and wrong", y[:6], np.float32([0, 1, 0, 1, 1, 0]))
    yield binary("two classes, the positive one never said", y, np.float32(p * 0.4))
    yield binary("no row is positive", np.zeros(6, int), np.float32([0.1, 0.2, 0.9, 0.4, 0.4, 0.8]))
    yield binary("every row is positive", np.ones(6, int), np.float32([0.1, 0.2, 0.9, 0.4, 0.4, 0.8]))
    yield binary("no row is positive, nor is one said to be", np.zeros(3, int), np.float32([0.1, 0.2, 0.3]))
    yield binary("no positive row has a weight", np.array([0, 1, 0]), np.float32([0.6, 0.7, 0.3]), np.array([1.0, 0, 2]))
    y = RANDOM.integers(0, 3, 40)
    p = many(y, 3)
    yield {"name": "three classes", "y": y, "p": p, "classes": 3}
    yield {"name": "three classes, weighted", "y": y, "p": p, "w": w, "classes": 3}
    yield {"name": "three classes, one never said", "y": y, "p": many(y, 3, never=2), "classes": 3}
    ties = np.float32(np.array([[2, 1, 1], [1, 2, 1], [1, 1, 2], [2, 2, 0]])[RANDOM.integers(0, 4, 40)] / 4)
    yield {"name": "three classes, equal scores", "y": y, "p": ties, "w": w, "classes": 3}
    y = RANDOM.integers(0, 5, 60)
    yield {"name": "five classes", "y": y, "p": many(y, 5), "classes": 5}
    yield {"name": "three classes, one absent", "y": y % 2, "p": many(y % 2, 3), "classes": 3}
    yield {"name": "five classes, one neither true nor said", "y": y % 4, "p": many(y % 4, 5, never=4), "classes": 5}


def binary(name, y, p, w=None):
    return {"name": name, "y": y, "p": np.stack([1 - p, p], axis=1), "w": w, "classes": 2}


def many(y, classes, never=None):
    scores = RANDOM.random((len(y), classes)) + 0.3 * np.eye(classes)[y]
    if never is not None:
        scores[:, never] -= 2
    odds = np.exp(3 * scores)
    return np.float32(odds / odds.sum(axis=1, keepdims=True))


def figures(name, y, p, w=None, classes=None):
    case = {"name": name, "y": y.tolist(), "p": p.tolist()}
    if w is not None:
        case["w"] = w.tolist()
    if classes is not None:
        case["labels"] = p.argmax(axis=1).tolist()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            metrics = metrics_of(y, p, w, classes)
    except ValueError as error:
        return {**case, "metrics": {}, "error": str(error)}
    return {**case, "metrics": {key: number(value) for key, value in metrics.items()}}


def metrics_of(y, p, w, classes):
    if classes is None:
        return regressor._get_regressor_metrics(y, p, w)
    labels = np.arange(classes)
    if classes > 2:
        said = p.argmax(axis=1)
        metrics = classifier._get_multiclass_classifier_metrics(
            y_true=y, y_pred=said, y_proba=p, labels=labels, sample_weights=w
        )
        # MLflow's recipes add it.
        return {**metrics, "f1_score_macro": f1_score(y, said, average="macro", sample_weight=w)}
    metrics = classifier._get_binary_classifier_metrics(
        y_true=y, y_pred=p.argmax(axis=1), y_proba=p, labels=labels, pos_label=1, sample_weights=w
    )
    for curve, key in (("roc", "roc_auc"), ("pr", "precision_recall_auc")):
        metrics[key] = classifier._gen_classifier_curve(
            is_binomial=True, y=y, y_probs=p[:, 1], labels=labels, pos_label=1, curve_type=curve, sample_weights=w
        ).auc
    return metrics


def number(value):
    return None if math.isnan(value) else float(value)


if __name__ == "__main__":
    main()
