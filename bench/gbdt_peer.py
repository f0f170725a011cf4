"""scikit-learn on the rows that gbdt.ts wrote."""

import json
import sys
import time

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

table = pd.read_parquet(sys.argv[1]).sort_values("__row")
cut = int(sys.argv[2])
features = table.drop(columns=["__row", "target"]).to_numpy("float32")
target = table["target"].to_numpy()
model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.1, max_leaf_nodes=31, min_samples_leaf=20, early_stopping=False)
start = time.perf_counter()
model.fit(features[:cut], target[:cut])
seconds = time.perf_counter() - start
auc = roc_auc_score(target[cut:], model.predict_proba(features[cut:])[:, 1])
print(json.dumps({"seconds": round(seconds, 2), "auc": round(auc, 4)}))
