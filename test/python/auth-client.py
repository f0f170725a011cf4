"""Calls of MLflow's client for users and permissions, and what each gave: printed as JSON by their names.

The administrator's name and password are in the environment. Ids of users are left out: they are the servers' own.
"""

import json
import os
import sys

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.server.auth.client import AuthServiceClient

uri = os.environ["MLFLOW_TRACKING_URI"]
auth = AuthServiceClient(uri)
results = {}


def call(name, work):
    try:
        results[name] = work()
    except MlflowException as error:
        # The real server goes on with what its database said.
        results[name] = {"error": error.error_code, "message": error.message.split(" Error: (")[0]}


def user(found):
    return {
        "username": found.username,
        "is_admin": found.is_admin,
        "experiments": [permission(one) for one in found.experiment_permissions or []],
        "models": [permission(one) for one in found.registered_model_permissions or []],
    }


def permission(found):
    thing = getattr(found, "experiment_id", None) or found.name
    return [str(thing), found.permission]


experiment = MlflowClient().create_experiment("e")
MlflowClient().create_registered_model("m")

PASSWORD = "correct horse battery"
call("create user", lambda: user(auth.create_user("ann", PASSWORD)))
call("create user again", lambda: user(auth.create_user("ann", PASSWORD)))
call("create user without a name", lambda: user(auth.create_user("", PASSWORD)))
call("create user without a password", lambda: user(auth.create_user("bob", "")))
call("create user with a short password", lambda: user(auth.create_user("short", "abc")))
call("get user", lambda: user(auth.get_user("ann")))
call("get user that is not there", lambda: user(auth.get_user("nobody")))
call("update password", lambda: auth.update_user_password("ann", PASSWORD + "!"))
call("update password of nobody", lambda: auth.update_user_password("nobody", PASSWORD))
call("make admin", lambda: auth.update_user_admin("ann", True))
call("get admin", lambda: user(auth.get_user("ann")))
call("make no admin", lambda: auth.update_user_admin("ann", False))
call("make nobody admin", lambda: auth.update_user_admin("nobody", True))

KINDS = {
    "experiment": (experiment, "999", "experiment_permission"),
    "model": ("m", "missing", "registered_model_permission"),
}
for kind, (thing, missing, suffix) in KINDS.items():
    do = lambda verb, *args, suffix=suffix: getattr(auth, f"{verb}_{suffix}")(*args)
    call(f"get {kind} permission before", lambda: permission(do("get", thing, "ann")))
    call(f"create {kind} permission", lambda: permission(do("create", thing, "ann", "READ")))
    call(f"create {kind} permission again", lambda: permission(do("create", thing, "ann", "EDIT")))
    call(f"create {kind} permission of none", lambda: permission(do("create", missing, "ann", "READ")))
    call(f"create {kind} permission that is none", lambda: permission(do("create", thing, "ann", "OWN")))
    call(f"create {kind} permission for nobody", lambda: permission(do("create", thing, "nobody", "READ")))
    call(f"get {kind} permission", lambda: permission(do("get", thing, "ann")))
    call(f"update {kind} permission", lambda: do("update", thing, "ann", "MANAGE"))
    call(f"get {kind} permission after", lambda: permission(do("get", thing, "ann")))
    call(f"update {kind} permission to none", lambda: do("update", thing, "ann", "NO_PERMISSIONS"))
    call(f"update {kind} permission for nobody", lambda: do("update", thing, "nobody", "READ"))

call("get user with permissions", lambda: user(auth.get_user("ann")))
for kind, (thing, missing, suffix) in KINDS.items():
    do = lambda verb, *args, suffix=suffix: getattr(auth, f"{verb}_{suffix}")(*args)
    call(f"delete {kind} permission", lambda: do("delete", thing, "ann"))
    call(f"delete {kind} permission again", lambda: do("delete", thing, "ann"))
    call(f"update {kind} permission that is gone", lambda: do("update", thing, "ann", "READ"))
    call(f"delete {kind} permission for nobody", lambda: do("delete", thing, "nobody"))
call("give again", lambda: permission(auth.create_experiment_permission(experiment, "ann", "READ")))

# As somebody who is no administrator.
admin = {name: os.environ[name] for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")}
os.environ.update(MLFLOW_TRACKING_USERNAME="ann", MLFLOW_TRACKING_PASSWORD=PASSWORD + "!")
call("as another: get oneself", lambda: user(auth.get_user("ann")))
call("as another: get somebody", lambda: user(auth.get_user(admin["MLFLOW_TRACKING_USERNAME"])))
call("as another: create user", lambda: user(auth.create_user("eve", PASSWORD)))
call("as another: become admin", lambda: auth.update_user_admin("ann", True))
call("as another: own password", lambda: auth.update_user_password("ann", PASSWORD))
os.environ["MLFLOW_TRACKING_PASSWORD"] = PASSWORD
call("as another: give", lambda: permission(auth.create_experiment_permission(experiment, "ann", "MANAGE")))
os.environ["MLFLOW_TRACKING_PASSWORD"] = "wrong horse battery"
call("with a wrong password", lambda: user(auth.get_user("ann")))
os.environ.update(admin)

call("delete user who may do something", lambda: auth.delete_user("ann"))
call("get user who was deleted", lambda: user(auth.get_user("ann")))
call("create user once more", lambda: user(auth.create_user("cyd", PASSWORD)))
call("delete user", lambda: auth.delete_user("cyd"))
call("delete user again", lambda: auth.delete_user("cyd"))

with open(sys.argv[1], "w") as file:
    json.dump(results, file)
