"""Calls of tracking that a day's program seldom makes: by the client alone, of artifacts, traces and logged models."""

import io
import os
import tempfile

import matplotlib.figure
import mlflow
import numpy
from client_calls import IS_NEW, all_files, call, client, own, results
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag


def tracking():
    experiment = client.create_experiment("by hand", tags={"a": "b"})
    call("experiment by hand", lambda: client.get_experiment(experiment).tags)
    call("experiment of mlflow", lambda: mlflow.get_experiment(experiment).name)
    call("experiment of mlflow by name", lambda: mlflow.get_experiment_by_name("by hand").lifecycle_stage)
    mlflow.set_experiment("by hand")
    call("experiment tagged", lambda: mlflow.set_experiment_tag("c", "d"))
    call("experiment tagged twice", lambda: mlflow.set_experiment_tags({"e": "f", "g": "h"}))
    call("experiment with tags", lambda: own(client.get_experiment(experiment).tags))
    call("experiments searched", lambda: [e.name for e in mlflow.search_experiments(filter_string="tags.c = 'd'")])
    call("experiment made and deleted", lambda: mlflow.delete_experiment(mlflow.create_experiment("short")))
    call("experiment none", lambda: client.get_experiment("99999"))

    id = client.create_run(experiment, run_name="by hand", tags={"x": "y"}).info.run_id
    call(
        "batch",
        lambda: client.log_batch(id, [Metric("m", 1.5, 1, 0), Metric("m", 2.5, 2, 1)], [Param("p", "q")], [RunTag("s", "t")]),
    )
    call("batch, metric refused", lambda: client.log_batch(id, [Metric("m", 1, 1, 0), Metric("a!", 1, 1, 0)]))
    call("batch, metric without name", lambda: client.log_batch(id, [Metric("", 1, 1, 0)]))
    call("batch, param refused", lambda: client.log_batch(id, [], [Param("a!", "q")]))
    call("batch, tag refused", lambda: client.log_batch(id, [], [], [RunTag("../s", "t")]))
    call("param", lambda: client.log_param(id, "depth", 3))
    call("param refused", lambda: client.log_param(id, "a!", 3))
    call("tag refused", lambda: client.set_tag(id, "a/../b", 3))
    call("metric", lambda: client.log_metric(id, "n", 1, timestamp=5, step=7))
    call("tag", lambda: client.set_tag(id, "u", "v"))
    data = mlflow.data.from_numpy(numpy.array([1, 2]), name="numbers")
    call("inputs by hand", lambda: client.log_inputs(id, [DatasetInput(data._to_mlflow_entity(), [InputTag("k", "v")])]))
    call("updated", lambda: client.update_run(id, "KILLED", "renamed"))
    call("terminated", lambda: client.set_terminated(id, "FAILED"))
    call("run by hand", lambda: seen(mlflow.get_run(id)))
    with mlflow.start_run(run_id=id):
        call("continued", lambda: mlflow.active_run().info.status)
        call("artifact uri", lambda: mlflow.get_artifact_uri("a").split("/")[-1])
        call("tag off", lambda: mlflow.delete_tag("u"))
        call("flushed", lambda: [mlflow.flush_async_logging(), mlflow.flush_artifact_async_logging()])
        with mlflow.start_run(nested=True, run_name="below") as child:
            call("one tag", lambda: mlflow.set_tag("one", 1))
    call("parent", lambda: [mlflow.get_parent_run(child.info.run_id).info.run_name, client.get_parent_run(id)])
    mlflow.start_run(experiment_id=experiment, run_name="ended")
    call("ended", lambda: mlflow.end_run("FAILED"))
    call("tracking uri", lambda: mlflow.get_tracking_uri().startswith("http"))
    call("registry uri", lambda: mlflow.get_registry_uri() == mlflow.get_tracking_uri())
    call("last run", lambda: mlflow.last_active_run().info.run_name)
    call("run by hand again", lambda: seen(client.get_run(id)))
    mlflow.delete_run(child.info.run_id)
    call("child deleted", lambda: client.get_run(child.info.run_id).info.lifecycle_stage)
    if IS_NEW:
        call("child restored", lambda: mlflow.restore_run(child.info.run_id))
        call("experiment tag off", lambda: mlflow.delete_experiment_tag("e"))
        call("experiment tag off by the client", lambda: client.delete_experiment_tag(experiment, "g"))
        call("experiment restored", lambda: mlflow.restore_experiment(client.get_experiment_by_name("short").experiment_id))
    call("experiment in the end", lambda: own(client.get_experiment(experiment).tags))
    artifacts(id)
    if IS_NEW:
        traces(experiment)
        newer(experiment)


def seen(run):
    data = run.data
    return [run.info.run_name, run.info.status, data.metrics, data.params, own(data.tags)]


def artifacts(id):
    figure = matplotlib.figure.Figure()
    picture = numpy.zeros((4, 4, 3), dtype=numpy.uint8)
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run(run_id=id):
        os.makedirs(f"{folder}/deep/er")
        for name in ("a b.txt", "deep/er/ü.txt", "deep/empty"):
            open(f"{folder}/{name}", "w").write(name if name != "deep/empty" else "")
        call("artifacts of mlflow", lambda: mlflow.log_artifacts(folder, "folder"))
        call("artifacts of the client", lambda: client.log_artifacts(id, folder))
        call("artifact of mlflow", lambda: mlflow.log_artifact(f"{folder}/a b.txt", "one"))
        call("artifact of the client", lambda: client.log_artifact(id, f"{folder}/a b.txt"))
        call("figure", lambda: mlflow.log_figure(figure, "figures/a.png"))
        call("figure of the client", lambda: client.log_figure(id, figure, "figures/b.png"))
        call("image", lambda: mlflow.log_image(picture, "images/a.png"))
        call("image of the client", lambda: client.log_image(id, picture, "images/b.png"))
        call("text of the client", lambda: client.log_text(id, "hi", "text.txt"))
        call("dict of the client", lambda: client.log_dict(id, {"a": 1}, "dict.yaml"))
        call("table of the client", lambda: client.log_table(id, {"a": [1]}, "rows.json"))
        call("table of the client again", lambda: client.log_table(id, {"a": [2]}, "rows.json"))
        call("table outside", lambda: client.log_text(id, "hi", "../out.txt"))
        if IS_NEW:
            call("stream", lambda: mlflow.log_stream(io.BytesIO(b"bytes"), "stream/a.bin"))
            call("stream of the client", lambda: client.log_stream(id, io.BytesIO(b"bytes"), "stream/b.bin"))
    experiment = client.get_run(id).info.experiment_id
    call("table loaded", lambda: mlflow.load_table("rows.json", run_ids=[id]).to_dict("list"))
    call("table of the client loaded", lambda: client.load_table(experiment, "rows.json", [id]).to_dict("list"))
    call("files in the end", lambda: all_files(lambda path: client.list_artifacts(id, path)))
    call("file sizes", lambda: [[f.path, f.file_size] for f in client.list_artifacts(id, "folder/deep/er")])
    call("folder downloaded", lambda: sorted(os.listdir(client.download_artifacts(id, "folder"))))
    call("text loaded", lambda: mlflow.artifacts.load_text(f"runs:/{id}/folder/deep/er/ü.txt"))
    call("artifacts listed", lambda: [f.path for f in mlflow.artifacts.list_artifacts(run_id=id, artifact_path="one")])


def traces(experiment):
    from mlflow.tracing.client import TracingClient

    @mlflow.trace(name="outer", attributes={"k": "v"})
    def outer(question):
        with mlflow.start_span("inner", span_type="TOOL") as span:
            span.set_inputs({"q": question})
            span.set_outputs("found")
            mlflow.update_current_trace(tags={"colour": "red"})
            return mlflow.get_current_active_span().name

    @mlflow.trace
    def broken():
        raise ValueError("no")

    outer("why")
    mlflow.flush_trace_async_logging()
    id = mlflow.get_last_active_trace_id()
    try:
        broken()
    except ValueError:
        pass
    call("trace", lambda: told(mlflow.get_trace(id)))
    call("trace of the client", lambda: told(client.get_trace(id)))
    root = client.start_trace("by hand", inputs={"a": 1}, tags={"colour": "blue"}, experiment_id=experiment)
    other = root.trace_id
    span = client.start_span("below", other, root.span_id, inputs=1)
    client.end_span(other, span.span_id, outputs=2)
    client.end_trace(other, outputs={"b": 2})
    mlflow.flush_trace_async_logging()
    alone = mlflow.start_span_no_context("alone", inputs=1)
    alone.end(2)
    call("trace without context", lambda: told(client.get_trace(alone.trace_id)))
    call("trace by hand", lambda: told(client.get_trace(other)))
    call("trace tag", lambda: client.set_trace_tag(other, "colour", "green"))
    call("trace tag off", lambda: client.delete_trace_tag(id, "colour"))
    call("trace tags", lambda: [own(client.get_trace(trace).info.tags) for trace in (id, other)])
    call("traces", lambda: [told(t) for t in client.search_traces([experiment], order_by=["timestamp_ms ASC"])])
    call("traces by tag", lambda: len(client.search_traces([experiment], "tags.colour = 'green'")))
    call("traces at once", lambda: sorted((told(t) for t in TracingClient().batch_get_traces([id, other, "tr-none"])), key=repr))
    call("traces of mlflow", lambda: len(mlflow.search_traces([experiment], return_type="list")))
    call("trace none", lambda: client.get_trace("tr-none")["error"])
    call("trace tag of mlflow", lambda: mlflow.set_trace_tag(id, "size", "big"))
    call("trace tag of mlflow off", lambda: mlflow.delete_trace_tag(id, "size"))
    call("traces deleted", lambda: client.delete_traces(experiment, trace_ids=[id]))
    call("traces left", lambda: len(client.search_traces([experiment])))


def told(trace):
    spans = sorted(trace.data.spans, key=lambda span: span.start_time_ns)
    return [
        str(trace.info.state),
        own(trace.info.tags),
        [[span.name, span.span_type, str(span.status.status_code), span.inputs, span.outputs] for span in spans],
    ]


def newer(experiment):
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    model = client.create_logged_model(experiment, "net", tags={"a": "b"}, params={"p": "1"}, model_type="net").model_id
    with tempfile.TemporaryDirectory() as folder:
        open(f"{folder}/w.bin", "w").write("w")
        call("model file", lambda: client.log_model_artifact(model, f"{folder}/w.bin"))
        call("model files", lambda: client.log_model_artifacts(model, folder, "below"))
    call("model files listed", lambda: all_files(lambda path: client.list_logged_model_artifacts(model, path)))
    call("model params", lambda: client.log_model_params(model, {"q": "2"}))
    call("model params of mlflow", lambda: mlflow.log_model_params({"r": "3"}, model))
    call("model tags", lambda: client.set_logged_model_tags(model, {"c": "d", "e": "f"}))
    call("model tags of mlflow", lambda: mlflow.set_logged_model_tags(model, {"g": "h"}))
    call("model tag off", lambda: client.delete_logged_model_tag(model, "c"))
    call("model tag of mlflow off", lambda: mlflow.delete_logged_model_tag(model, "e"))
    call("model ready", lambda: str(client.finalize_logged_model(model, "READY").status))
    call("model read", lambda: [client.get_logged_model(model).params, own(mlflow.get_logged_model(model).tags)])
    with mlflow.start_run(run_name="with a model") as run:
        call("model metric", lambda: mlflow.log_metric("auc", 0.5, model_id=model))
        call("run's inputs", lambda: mlflow.log_inputs([mlflow.data.from_numpy(numpy.array([1]), name="n")], ["t"], [None]))
        call("run's outputs", lambda: mlflow.log_outputs([LoggedModelOutput(model, 3)]))
    call("run's model", lambda: client.log_inputs(run.info.run_id, models=[LoggedModelInput(model)]))
    other = mlflow.initialize_logged_model("other", model_type="net").model_id
    call("run's output", lambda: client.log_outputs(run.info.run_id, [LoggedModelOutput(other, 1)]))
    read = client.get_run(run.info.run_id)
    results["run's models"] = [len(read.inputs.model_inputs), sorted(o.step for o in read.outputs.model_outputs)]
    call("model failed", lambda: str(mlflow.finalize_logged_model(other, "FAILED").status))
    call("model outside", lambda: str(mlflow.create_external_model("outside", params={"a": "b"}).status))
    call("model active", lambda: mlflow.set_active_model(name="active").name)
    results["model active id"] = mlflow.get_active_model_id() is not None
    mlflow.clear_active_model()
    call("models by name", lambda: [m.name for m in client.search_logged_models([experiment], "name = 'net'")])
    call(
        "models by metric",
        lambda: [
            m.name
            for m in mlflow.search_logged_models(
                experiment_ids=[experiment], filter_string="metrics.auc > 0.4", output_format="list"
            )
        ],
    )
    call("model deleted", lambda: client.delete_logged_model(other))
    call("model gone", lambda: client.get_logged_model(other)["error"])
