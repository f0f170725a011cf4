"""Webhooks of MLflow 3's client against the server of MLFLOW_TRACKING_URI; prints what each call gave as JSON."""

import json
import re
import sys

import mlflow
from client_calls import call, client, results
from mlflow.genai import register_prompt

URL = sys.argv[1]
EVENTS = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
]


def shown(hook):
    return [
        hook.name,
        hook.url == URL,
        sorted(str(event) for event in hook.events),
        hook.description,
        str(hook.status),
        hook.secret,
        hook.creation_timestamp > 0,
        hook.last_updated_timestamp >= hook.creation_timestamp,
    ]


def tried(result):
    return [result.success, result.response_status, result.response_body, result.error_message]


hook = client.create_webhook("first", URL, EVENTS, description="tells", secret="s")
call("made", lambda: shown(hook))
call("found", lambda: shown(client.get_webhook(hook.webhook_id)))
call("asleep", lambda: shown(client.create_webhook("second.one", URL, ["prompt.created"], status="DISABLED")))
call("listed", lambda: [shown(one) for one in client.list_webhooks()])
page = client.list_webhooks(max_results=1)
call("first page", lambda: [one.name for one in page])
call("second page", lambda: [one.name for one in client.list_webhooks(max_results=1, page_token=page.token)])
call("last page", lambda: not client.list_webhooks(max_results=2).token)
call("too many", lambda: client.list_webhooks(max_results=1001))
other = client.list_webhooks()[0].webhook_id
call("changed", lambda: shown(client.update_webhook(other, name="third", description="", events=["prompt_tag.set"])))
call("changed again", lambda: shown(client.update_webhook(other, status="ACTIVE", secret="s")))
call("tried", lambda: tried(client.test_webhook(other)))
call("deleted", lambda: client.delete_webhook(other))
call("deleted again", lambda: client.delete_webhook("nothing"))
call("gone", lambda: client.get_webhook("nothing"))
call("named strangely", lambda: client.create_webhook("a b", URL, EVENTS))
call("named long", lambda: client.create_webhook("a" * 64, URL, EVENTS))
call("no events", lambda: client.create_webhook("a", URL, []))
call("tried with another", lambda: tried(client.test_webhook(hook.webhook_id, "prompt_alias.deleted")))

client.create_registered_model("wine", {"a": "b"}, "mine")
client.create_model_version("wine", "s3://models/a", tags={"c": "d"}, description="first")
client.set_registered_model_tag("wine", "e", "f")
client.set_model_version_tag("wine", "1", "g", "h")
client.delete_model_version_tag("wine", "1", "g")
client.set_registered_model_alias("wine", "best", "1")
client.delete_registered_model_alias("wine", "best")
register_prompt("greeting", "Hello {{name}}", commit_message="first", tags={"i": "j"})
client.set_prompt_tag("greeting", "k", "l")
client.delete_prompt_tag("greeting", "k")
client.set_prompt_version_tag("greeting", "1", "m", "n")
client.delete_prompt_version_tag("greeting", "1", "m")
mlflow.genai.set_prompt_alias("greeting", "live", 1)
mlflow.genai.delete_prompt_alias("greeting", "live")
client.delete_registered_model("wine")

print(re.sub(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", "ID", json.dumps(results)))
