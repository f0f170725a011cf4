"""Calls of MLflow 3 about generative AI: assessments of traces, evaluation by scorers, prompts that traces used."""

import json

import mlflow
from client_calls import call, client, own, results
from mlflow.entities import AssessmentError, AssessmentSource, Expectation, Feedback

HUMAN = AssessmentSource(source_type="HUMAN", source_id="ann")
JUDGE = AssessmentSource(source_type="LLM_JUDGE", source_id="judge")


def genai():
    experiment = mlflow.set_experiment("genai").experiment_id
    assessments(experiment)
    searches(experiment)
    links(experiment)
    datasets(experiment)
    evaluation(experiment)


def assessed(assessment):
    """Without ids and times."""
    kind = "feedback" if assessment.feedback else "expectation" if assessment.expectation else "issue"
    error = assessment.feedback.error if assessment.feedback else None
    return [
        assessment.name,
        kind,
        assessment.value if kind != "issue" else None,
        [error.error_code, error.error_message] if error else None,
        [str(assessment.source.source_type), assessment.source.source_id],
        assessment.rationale,
        own(assessment.metadata or {}),
        assessment.span_id is not None,
        assessment.valid,
        assessment.overrides is not None,
    ]


def all_of(trace):
    return sorted((assessed(one) for one in client.get_trace(trace).info.assessments), key=repr)


def traced(name, answer, fails=False):
    @mlflow.trace(name=name, span_type="CHAIN")
    def work(question):
        with mlflow.start_span(f"{name} inner", span_type="LLM", attributes={"model": f"model of {name}", "size": 7}):
            if fails:
                raise ValueError("no")
        return answer

    try:
        work("why")
    except ValueError:
        pass
    return mlflow.get_last_active_trace_id()


def assessments(experiment):
    trace = traced("assessed", "because")
    span = client.get_trace(trace).data.spans[0].span_id
    for name, value in [("truth", True), ("number", 0.5), ("whole", 3), ("text", "größe"), ("list", ["a", 1]), ("map", {"a": None})]:
        call(f"feedback {name}", lambda: assessed(mlflow.log_feedback(trace_id=trace, name=name, value=value, source=HUMAN)))
        call(f"expectation {name}", lambda: assessed(mlflow.log_expectation(trace_id=trace, name=name, value=value, source=HUMAN)))
    error = AssessmentError(error_code="LIMIT", error_message="too many")
    call("feedback error", lambda: assessed(mlflow.log_feedback(trace_id=trace, name="failed", error=error, source=JUDGE)))
    call(
        "feedback of a span",
        lambda: assessed(
            mlflow.log_feedback(
                trace_id=trace, name="span", value="ok", span_id=span, rationale="fine", metadata={"k": "v"}, source=JUDGE
            )
        ),
    )
    first = mlflow.log_assessment(trace, Feedback(name="right", value=False, source=JUDGE))
    call("assessment", lambda: assessed(mlflow.get_assessment(trace, first.assessment_id)))
    call("assessment overridden", lambda: assessed(mlflow.override_feedback(trace_id=trace, assessment_id=first.assessment_id, value=True, rationale="looked", source=HUMAN)))
    call("assessments", lambda: all_of(trace))
    call(
        "assessment changed",
        lambda: assessed(mlflow.update_assessment(trace, first.assessment_id, Feedback(name="right", value=True, source=JUDGE, metadata={"l": "w"}))),
    )
    wanted = mlflow.log_assessment(trace, Expectation(name="wanted", value="Paris", source=HUMAN))
    call("expectation changed", lambda: assessed(mlflow.update_assessment(trace, wanted.assessment_id, Expectation(name="wanted", value=["Rome"]))))
    call("expectation to feedback", lambda: mlflow.update_assessment(trace, wanted.assessment_id, Feedback(name="wanted", value=1)))
    call("assessment deleted", lambda: mlflow.delete_assessment(trace, wanted.assessment_id))
    call("assessment deleted again", lambda: mlflow.delete_assessment(trace, wanted.assessment_id))
    call("assessment gone", lambda: mlflow.get_assessment(trace, wanted.assessment_id)["error"])
    call("assessments in the end", lambda: all_of(trace))


def searches(experiment):
    good, bad = traced("good", "Paris"), traced("bad", "Rome", fails=True)
    mlflow.log_feedback(trace_id=good, name="score", value=0.9, source=JUDGE)
    mlflow.log_feedback(trace_id=bad, name="score", value=2, source=JUDGE)
    mlflow.log_feedback(trace_id=bad, name="verdict", value="no", source=HUMAN)
    mlflow.log_expectation(trace_id=good, name="answer", value="Paris", source=HUMAN)
    for filter in [
        "feedback.score > 1",
        "feedback.score <= 0.9",
        "feedback.verdict = 'no'",
        "feedback.verdict != 'no'",
        "feedback.verdict IS NULL",
        "feedback.truth = 'true'",
        "feedback.whole = '3.0'",
        "expectation.answer = 'Paris'",
        "expectation.answer LIKE '%ari%'",
        "expectation.answer IS NOT NULL",
        "span.name = 'good inner'",
        "span.type = 'LLM' AND span.name LIKE 'bad%'",
        "span.status = 'ERROR'",
        "span.attributes.model LIKE '%of good%'",
        "trace.text LIKE '%Paris%'",
        "trace.status = 'ERROR' AND feedback.score > 1",
        "span.size = '1'",
        "feedback.score > '1'",
        "trace.end_time > 0 AND trace.name = 'good'",
        "metadata.`mlflow.trace_schema.version` = '3' AND name = 'bad'",
    ]:
        call(
            f"traces where {filter}",
            lambda filter=filter: sorted(
                trace.info.tags["mlflow.traceName"]
                for trace in mlflow.search_traces([experiment], filter_string=filter, return_type="list")
            ),
        )
        if "error" in results[f"traces where {filter}"]:
            results[f"traces where {filter}"].pop("message")
    call("traces with spans", lambda: sorted([len(t.data.spans) for t in client.search_traces([experiment])]))
    call("traces without spans", lambda: sorted([len(t.data.spans) for t in client.search_traces([experiment], include_spans=False)]))


def links(experiment):
    trace = traced("linked", "yes")
    with mlflow.start_run(run_name="linked") as run:
        inside = traced("inside", "yes")
    call("linked to run", lambda: client.link_traces_to_run([trace], run.info.run_id))
    call(
        "of the run",
        lambda: sorted(t.info.tags["mlflow.traceName"] for t in mlflow.search_traces(run_id=run.info.run_id, return_type="list")),
    )
    prompt = mlflow.genai.register_prompt("question", "Why {{what}}?")
    call("prompt linked", lambda: client.link_prompt_version_to_run(run.info.run_id, prompt))
    call("prompts linked to trace", lambda: client.link_prompt_versions_to_trace([prompt], inside))
    call(
        "of the prompt",
        lambda: [t.info.tags["mlflow.traceName"] for t in mlflow.search_traces([experiment], filter_string="prompt = 'question/1'", return_type="list")],
    )
    call("tags of the linked", lambda: own(client.get_trace(inside).info.tags))


def datasets(experiment):
    from mlflow.genai.datasets import (
        add_dataset_to_experiments,
        create_dataset,
        delete_dataset,
        delete_dataset_tag,
        get_dataset,
        remove_dataset_from_experiments,
        search_datasets,
        set_dataset_tags,
    )

    def shown(dataset):
        return [
            dataset.name,
            own(dataset.tags or {}),
            json.loads(dataset.schema) if dataset.schema else None,
            json.loads(dataset.profile) if dataset.profile else None,
            len(dataset.experiment_ids),
            len(dataset.digest),
        ]

    def records(dataset):
        return sorted(
            (
                [r.inputs, r.outputs, r.expectations, own(r.tags), r.source and r.source.to_dict(), r.source_id, r.source_type]
                for r in client.get_dataset(dataset).records
            ),
            key=repr,
        )

    call("dataset", lambda: shown(create_dataset("questions", experiment_id=experiment, tags={"a": "b", "n": 1})))
    id = search_datasets(experiment_ids=[experiment])[0].dataset_id
    call("dataset read", lambda: shown(get_dataset(dataset_id=id)))
    rows = [
        {"inputs": {"q": "why", "n": 1}, "expectations": {"answer": "so", "score": 0.5}, "tags": {"k": "v"}},
        {"inputs": {"q": "how", "n": 1.0, "big": 12345678901234567890, "deep": {"b": [1, None], "a": True}}, "outputs": {"text": "thus"}},
        {"inputs": {"n": 1, "q": "why"}, "outputs": {"answer": "so"}, "expectations": {"answer": "then"}, "tags": {"l": "w"}},
    ]
    call("records", lambda: shown(get_dataset(dataset_id=id).merge_records(rows)))
    call("records read", lambda: records(id))
    call("records as a frame", lambda: sorted(get_dataset(dataset_id=id).to_df()["inputs"].map(repr)))
    call("records again", lambda: shown(get_dataset(dataset_id=id).merge_records([{"inputs": {"q": "how", "n": 1}, "source": {"source_type": "human", "source_data": {"source_id": "ann"}}}])))
    traces = client.search_traces([experiment], "name = 'good'")
    call("records of traces", lambda: shown(get_dataset(dataset_id=id).merge_records(traces)))
    call("all records", lambda: [[*r[:4], r[6]] for r in records(id)])
    some = [r.dataset_record_id for r in client.get_dataset(id).records][:1]
    call("records deleted", lambda: get_dataset(dataset_id=id).delete_records([*some, "dr-none"]))
    call("dataset with fewer", lambda: shown(get_dataset(dataset_id=id)))
    call("dataset tags", lambda: set_dataset_tags(dataset_id=id, tags={"a": "c", "d": "e"}))
    call("dataset tag off", lambda: delete_dataset_tag(dataset_id=id, key="d"))
    other = client.create_experiment("genai other")
    call("dataset in two", lambda: shown(add_dataset_to_experiments(id, [other])))
    call("dataset in one", lambda: shown(remove_dataset_from_experiments(id, [experiment])))
    call("dataset of the client", lambda: shown(client.create_dataset("second", experiment_id=other)))
    for filter, order in [
        ("name = 'questions'", None),
        ("name LIKE '%s%'", ["name ASC"]),
        ("tags.a = 'c'", None),
        ("created_time > 0", ["name DESC"]),
        ("name IN ('second', 'third')", None),
        ("size > 1", None),
    ]:
        call(
            f"datasets where {filter}",
            lambda filter=filter, order=order: [d.name for d in search_datasets(filter_string=filter, order_by=order)],
        )
        if "error" in results[f"datasets where {filter}"]:
            results[f"datasets where {filter}"].pop("message")
    call("evaluated on a data set", lambda: sorted(mlflow.genai.evaluate(data=get_dataset(dataset_id=id), scorers=[], predict_fn=None).metrics))
    call("dataset deleted", lambda: delete_dataset(dataset_id=id))
    call("dataset gone", lambda: get_dataset(dataset_id=id)["error"])
    call("dataset deleted again", lambda: delete_dataset(dataset_id=id))


def evaluation(experiment):
    from mlflow.genai.scorers import scorer

    @scorer
    def exact(outputs, expectations):
        return outputs == expectations["answer"]

    @scorer
    def length(outputs):
        return Feedback(value=len(outputs), rationale="counted")

    @scorer
    def broken(outputs):
        raise ValueError("no")

    data = [
        {"inputs": {"country": "France"}, "expectations": {"answer": "Paris"}},
        {"inputs": {"country": "Italy"}, "expectations": {"answer": "Rome"}},
    ]
    answers = {"France": "Paris", "Italy": "Milan"}

    def predict(country):
        return answers[country]

    def evaluated(result):
        run = client.get_run(result.run_id)
        return [
            {key: repr(value) for key, value in sorted(result.metrics.items())},
            {key: repr(value) for key, value in sorted(run.data.metrics.items())},
            own(run.data.tags),
            run.info.status,
            [dataset.dataset.name for dataset in run.inputs.dataset_inputs],
            sorted(
                (
                    [
                        sorted([a.name, repr(a.feedback.value if a.feedback else a.value), a.rationale] for a in t.info.assessments)
                        for t in mlflow.search_traces(run_id=result.run_id, return_type="list")
                    ]
                ),
                key=repr,
            ),
        ]

    call("evaluated", lambda: evaluated(mlflow.genai.evaluate(data=data, predict_fn=predict, scorers=[exact, length])))
    call("evaluated with a broken scorer", lambda: evaluated(mlflow.genai.evaluate(data=data, predict_fn=predict, scorers=[broken])))
    ready = [{**row, "outputs": "Paris"} for row in data]
    call("evaluated outputs", lambda: evaluated(mlflow.genai.evaluate(data=ready, scorers=[exact])))
    traces = mlflow.search_traces([experiment], filter_string="name = 'good'")
    call("evaluated traces", lambda: evaluated(mlflow.genai.evaluate(data=traces, scorers=[length])))
