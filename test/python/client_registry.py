"""The registry of models and that of prompts, as people use them from Python."""

import mlflow
import pandas as pd
from client_calls import IS_NEW, call, client
from sklearn.linear_model import LogisticRegression

ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})


def predictions(uri):
    return [int(value) for value in mlflow.pyfunc.load_model(uri).predict(ROWS)]


def models():
    mlflow.set_experiment("registry")
    with mlflow.start_run(run_name="registered") as run:
        for labels in ([0, 0, 1, 1], [0, 1, 1, 1]):
            logged = mlflow.sklearn.log_model(
                LogisticRegression(C=100).fit(ROWS, labels), "model", registered_model_name="wine"
            )
    call("wine versions", lambda: sorted([v.version, v.status] for v in client.search_model_versions("name='wine'")))
    if IS_NEW:
        call("load by model", lambda: [predictions(logged.model_uri), predictions(f"models:/{logged.model_id}")])
        call("register by model", lambda: mlflow.register_model(logged.model_uri, "wine").version)
        call("logged model", lambda: mlflow.last_logged_model().name)
    client.set_registered_model_alias("wine", "best", "1")
    for name in ("1", "2", "latest"):
        call(f"load {name}", lambda name=name: predictions(f"models:/wine/{name}"))
    call("load alias", lambda: predictions("models:/wine@best"))
    call("load as scikit-learn", lambda: type(mlflow.sklearn.load_model("models:/wine@best")).__name__)
    call("load run", lambda: predictions(f"runs:/{run.info.run_id}/model"))
    call("load no version", lambda: predictions("models:/wine/9"))
    call("load no alias", lambda: predictions("models:/wine@worst"))
    call("load no model", lambda: predictions("models:/beer/1"))
    call("load no stage", lambda: predictions("models:/wine/Production"))
    for stage, archive in (("Production", False), ("Production", True)):
        client.transition_model_version_stage("wine", 1 if not archive else 2, stage, archive_existing_versions=archive)
        call(f"load stage {archive}", lambda: predictions("models:/wine/Production"))
    call("stages", lambda: sorted([v.version, v.current_stage] for v in client.search_model_versions("name='wine'")))
    call("stages there are", lambda: client.get_model_version_stages("wine", "1"))
    call("stage unknown", lambda: client.transition_model_version_stage("wine", "1", "Shipped"))
    call("by alias", lambda: client.get_model_version_by_alias("wine", "best").version)
    uri = client.get_model_version_download_uri("wine", "1")
    call("files", lambda: sorted(f.path.split("/")[-1] for f in mlflow.artifacts.list_artifacts(artifact_uri=uri)))
    call("load address", lambda: predictions(uri))
    call("model described", lambda: client.update_registered_model("wine", "red and white").description)
    client.set_registered_model_tag("wine", "team", "cellar")
    client.set_model_version_tag("wine", "1", "year", "2020")
    call("model by tag", lambda: [m.name for m in mlflow.search_registered_models(filter_string="tags.team = 'cellar'")])
    call("version by tag", lambda: [v.version for v in mlflow.search_model_versions(filter_string="tags.year = '2020'")])
    call(
        "versions in order",
        lambda: [v.version for v in client.search_model_versions("name = 'wine'", order_by=["version_number ASC"])],
    )
    call("model tag off", lambda: client.delete_registered_model_tag("wine", "team"))
    call("version tag off", lambda: client.delete_model_version_tag("wine", "1", "year"))
    call("alias off", lambda: client.delete_registered_model_alias("wine", "best"))
    call("alias off again", lambda: client.delete_registered_model_alias("wine", "best"))
    call("model", lambda: [client.get_registered_model("wine").tags, client.get_registered_model("wine").aliases])
    call("model by hand", lambda: client.create_registered_model("by-hand", {"a": "b"}, "mine").description)
    call("model by hand again", lambda: client.create_registered_model("by-hand"))
    call(
        "version by hand",
        lambda: client.create_model_version(
            "by-hand", f"{run.info.artifact_uri}/model", run.info.run_id, {"c": "d"}, description="first"
        ).tags,
    )


def prompts():
    call("prompt 1", lambda: mlflow.register_prompt("hello", "Hi {{name}}", "first", tags={"team": "blue"}).version)
    call("prompt 2", lambda: mlflow.register_prompt("hello", "Dear {{ name }}", "second").version)
    call("prompt named badly", lambda: mlflow.register_prompt("he llo", "Hi"))
    call("prompt is a model", lambda: mlflow.register_prompt("wine", "Hi"))
    call("model is a prompt", lambda: client.create_registered_model("hello"))
    call("prompt alias", lambda: mlflow.set_prompt_alias("hello", "live", 1))
    call("prompt alias, no version", lambda: mlflow.set_prompt_alias("hello", "live", 9))
    # That of 2.22 does not know of `latest`.
    newest = ("hello@latest",) if IS_NEW else ()
    for uri in ("hello/1", "hello/2", "hello@live", *newest, "hello/9", "hello@none", "nothing/1"):
        call(f"prompt {uri}", lambda uri=uri: loaded(mlflow.load_prompt(f"prompts:/{uri}")))
    call("prompt by name", lambda: loaded(client.load_prompt("hello", version=2)))
    call("prompt address", lambda: client.parse_prompt_uri("prompts:/hello/1"))
    with mlflow.start_run(run_name="prompted") as run:
        id = run.info.run_id
    attach = client.link_prompt_version_to_run if IS_NEW else client.log_prompt
    call("prompt in a run", lambda: attach(id, "prompts:/hello/1"))
    call("prompts of a run", lambda: [prompt.version for prompt in client.list_logged_prompts(id)])
    call("prompt out of a run", lambda: client.detach_prompt_from_run(id, "prompts:/hello/1"))
    call("prompts left", lambda: [prompt.version for prompt in client.list_logged_prompts(id)])
    call("prompt alias off", lambda: mlflow.delete_prompt_alias("hello", "live"))
    if IS_NEW:
        newer_prompts(id)
    else:
        mlflow.set_prompt_alias("hello", "old", 1)
        call("prompt alias off by the client", lambda: client.delete_prompt_alias("hello", "old"))
        call("prompt alias by the client", lambda: client.set_prompt_alias("hello", "new", 1))
        call("prompt deleted", lambda: mlflow.delete_prompt("hello", 1))
        call("prompt deleted by the client", lambda: client.delete_prompt("hello", 2))
    call("prompt gone", lambda: loaded(mlflow.load_prompt("prompts:/hello/1")))


def loaded(prompt):
    return [prompt.version, prompt.template, prompt.format(name="Ann"), prompt.commit_message, dict(prompt.tags)]


def newer_prompts(run):
    chat = [{"role": "system", "content": "Be {{ mood }}"}]
    call("prompt chat", lambda: mlflow.register_prompt("chat", chat, response_format={"type": "object"}).template)
    call("prompt chat loaded", lambda: [client.load_prompt("prompts:/chat/1").format(mood="kind")])
    call("prompt by hand", lambda: client.create_prompt("bare", "of nothing", {"a": "b"}).tags)
    call("prompt by hand again", lambda: client.create_prompt("bare"))
    call("prompt version by hand", lambda: client.create_prompt_version("bare", "Bare", "one", {"c": "d"}).tags)
    call("prompts", lambda: sorted(prompt.name for prompt in mlflow.search_prompts()))
    call("prompts by name", lambda: [p.name for p in client.search_prompts("name LIKE 'h%'")])
    call("prompts by tag", lambda: [p.name for p in client.search_prompts("tags.a = 'b'")])
    call("prompt tag", lambda: client.set_prompt_tag("hello", "team", "red"))
    call("prompt with tag", lambda: client.get_prompt("hello").tags)
    call("prompt tag off", lambda: client.delete_prompt_tag("hello", "team"))
    call("prompt without tag", lambda: client.get_prompt("hello").tags)
    call("prompt version tag", lambda: client.set_prompt_version_tag("hello", 1, "ok", "yes"))
    call("prompt version with tag", lambda: client.get_prompt_version("hello", 1).tags)
    call("prompt version tag off", lambda: client.delete_prompt_version_tag("hello", 1, "ok"))
    call("prompt aliased", lambda: client.set_prompt_alias("hello", "live", 2))
    call("prompt by alias", lambda: client.get_prompt_version_by_alias("hello", "live").version)
    call("prompt alias off by the client", lambda: client.delete_prompt_alias("hello", "live"))
    call("prompt versions", lambda: [p.version for p in client.search_prompt_versions("hello")])
    call("prompt no version", lambda: client.get_prompt_version("hello", 9))
    call("prompt none", lambda: client.get_prompt("nothing"))
    model = client.create_logged_model(client.get_run(run).info.experiment_id, "prompted")
    call("prompt of a model", lambda: client.link_prompt_version_to_model("hello", "1", model.model_id))
    call("models' prompts", lambda: client.get_logged_model(model.model_id).tags)
    call("prompt with versions deleted", lambda: client.delete_prompt("hello"))
    for version in ("1", "2"):
        call(f"prompt version deleted {version}", lambda version=version: client.delete_prompt_version("hello", version))
    call("prompt deleted", lambda: client.delete_prompt("hello"))
