"""Makes a run as MLflow's page for prompts does; prints what MLflow's client reads back of its table and model."""

import json
import os
import urllib.request

import mlflow

VALUES = {"a": "yes: 'ü' \"\n\u2028\x85", "b": "1:30", "c": "0x1F"}
asked = {
    "experiment_id": "0",
    "prompt_template": "Say {{ a }}",
    "prompt_parameters": [{"key": key, "value": value} for key, value in VALUES.items()],
    "model_route": "null",
    "model_parameters": [{"key": "temperature", "value": 0.5}],
    "model_input": "Say yes",
    "model_output": "yes",
    "model_output_parameters": [{"key": "MLFLOW_latency", "value": 12}],
    "mlflow_version": mlflow.__version__,
}
sent = urllib.request.Request(
    f"{os.environ['MLFLOW_TRACKING_URI']}/ajax-api/2.0/mlflow/runs/create-promptlab-run",
    data=json.dumps(asked).encode(),
    headers={"content-type": "application/json"},
)
run_id = json.load(urllib.request.urlopen(sent))["run"]["info"]["run_id"]
table = mlflow.load_table("eval_results_table.json", run_ids=[run_id])
model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
prompt = model._model_impl
print(
    "\n"
    + json.dumps(
        {
            "columns": list(table.columns),
            "row": {key: table[key][0] for key in VALUES} == VALUES,
            "values": {param.key: param.value for param in prompt.prompt_parameters} == VALUES,
            "model": [prompt.prompt_template, prompt.model_route, [[p.key, p.value] for p in prompt.model_parameters]],
            "inputs": model.metadata.get_input_schema().input_names(),
            "example": model.input_example["inputs"] == list(VALUES.values()),
        }
    )
)
