"""Every public function of `mlflow` and method of `MlflowClient` is called, or stands here with the reason."""

import functools
import inspect

import mlflow
from mlflow import MlflowClient

SETTINGS = "settings of the client's own process"
MACHINE = "measures the machine it runs on"
WORKSPACES = "workspaces: not in this version"
MCP = "servers of the Model Context Protocol: not in this version"
DATABRICKS = "Databricks only, says its text"

LEFT_OUT = {
    "mlflow.autolog": "client_training calls that of each library",
    "mlflow.context": SETTINGS,
    "mlflow.set_tracking_uri": SETTINGS,
    "mlflow.set_registry_uri": SETTINGS,
    "mlflow.is_tracking_uri_set": SETTINGS,
    "mlflow.set_system_metrics_node_id": MACHINE,
    "mlflow.set_system_metrics_samples_before_logging": MACHINE,
    "mlflow.set_system_metrics_sampling_interval": MACHINE,
    "mlflow.enable_system_metrics_logging": MACHINE,
    "mlflow.disable_system_metrics_logging": MACHINE,
    "mlflow.doctor": "prints what is installed",
    "mlflow.test": "runs tests, not calls",
    "mlflow.login": "asks for Databricks' password",
    "mlflow.run": "runs a project: see `recipe` itself",
    "mlflow.set_telemetry_client": "tells MLflow's makers",
    "mlflow.maybe_hint_tracing_skill": "prints a hint",
    "mlflow.import_checkpoints": DATABRICKS,
    "mlflow.search_sessions": "several searches of traces in one",
    "mlflow.log_trace": "says to be no longer there",
    "mlflow.add_trace": "puts a trace of elsewhere into one that goes on, in the client",
    "mlflow.get_last_active_trace": "reads `get_last_active_trace_id`, which is called",
    "mlflow.log_issue": "issues are made by MLflow's own jobs: not in this version",
    "mlflow.set_model_version_tag": "the client's is called",
    "MlflowClient.unlink_traces_from_run": DATABRICKS,
    "MlflowClient.refresh_mcp_server_version_tools": MCP,
    "MlflowClient.get_workspace_store_uri": WORKSPACES,
    # test/python/webhook-client.py
    **{f"MlflowClient.{verb}_webhook": "called by a test of their own" for verb in ("create", "get", "update", "delete", "test")},
    "MlflowClient.list_webhooks": "called by a test of their own",
}
#: Of MLflow 2.22, which leaves them to Databricks.
OLD = {
    f"{owner}.{verb}_{what}"
    for owner, whats in (("mlflow", ("expectation", "feedback")), ("MlflowClient", ("assessment",)))
    for what in whats
    for verb in ("log", "update", "delete")
} | {
    # With the OpenTelemetry that pip brings it loses every trace, at MLflow's own server too.
    *(f"MlflowClient.{name}" for name in ("get_trace", "search_traces", "delete_traces", "set_trace_tag", "delete_trace_tag")),
    *(f"MlflowClient.{name}" for name in ("start_trace", "end_trace", "start_span", "end_span", "log_prompt")),
    *(f"mlflow.{name}" for name in ("trace", "start_span", "get_trace", "search_traces", "update_current_trace")),
    *(f"mlflow.{name}" for name in ("get_current_active_span", "get_last_active_trace_id", "flush_trace_async_logging")),
}

called = set()


def record():
    """From now on; once."""
    for owner, prefix in ((mlflow, "mlflow"), (MlflowClient, "MlflowClient")):
        for name, function in public(owner):
            setattr(owner, name, recording(function, f"{prefix}.{name}"))


def public(owner):
    return [(n, f) for n, f in list(vars(owner).items()) if inspect.isfunction(f) and not n.startswith("_")]


def recording(function, name):
    @functools.wraps(function)
    def call(*args, **kwargs):
        called.add(name)
        return function(*args, **kwargs)

    return call


def not_called(is_new):
    names = {f"{prefix}.{name}" for owner, prefix in ((mlflow, "mlflow"), (MlflowClient, "MlflowClient")) for name, _ in public(owner)}
    left = {name for name in names if "workspace" in name or "mcp_" in name} | set(LEFT_OUT)
    return sorted(names - called - left - (set() if is_new else OLD))
