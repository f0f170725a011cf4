"""The same work in pandas: read, derive, split by time, describe, impute, scale, encode, write."""

import json
import resource
import sys
import time

import pandas as pd

start = time.perf_counter()
table = pd.read_parquet(sys.argv[1])
table["delayed"] = table.pop("delay") > 15
table.describe(include="all")
table.to_parquet(f"{sys.argv[2]}/peer-data.parquet", compression="zstd")
first, second = table["date"].quantile([0.75, 0.875])
splits = [table[table["date"] <= first], table[(table["date"] > first) & (table["date"] <= second)], table[table["date"] > second]]
for number, split in enumerate(splits):
    split.to_parquet(f"{sys.argv[2]}/peer-{number}.parquet", compression="zstd")
training = splits[0]
mean, std = training["distance"].mean(), training["distance"].std()
shares = {name: training[name].value_counts(normalize=True) for name in ("origin", "destination")}
for number, split in enumerate(splits):
    date = split["date"].dt
    features = pd.DataFrame(
        {
            "distance": ((split["distance"] - mean) / std).astype("float32"),
            "month": date.month.astype("float32"),
            "day": date.day.astype("float32"),
            "weekday": date.dayofweek.astype("float32"),
            "minute": (date.hour * 60 + date.minute).astype("float32"),
            "origin": split["origin"].map(shares["origin"]).fillna(0).astype("float32"),
            "destination": split["destination"].map(shares["destination"]).fillna(0).astype("float32"),
            "target": split["delayed"].astype("float64"),
        }
    )
    features.to_parquet(f"{sys.argv[2]}/peer-features-{number}.parquet", compression="zstd")
seconds = time.perf_counter() - start
print(json.dumps({"ms": round(seconds * 1000), "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
