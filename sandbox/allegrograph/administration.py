"""Catalogs, users, roles, and the texts that the server keeps."""

from typing import Any

from sandbox.allegrograph.calls import SERVER, Call, json_response, nothing
from sandbox.allegrograph.refusal import RefusedError, missing
from sandbox.allegrograph.users import ANONYMOUS, PERMISSIONS, Principal, User, access_entry
from sandbox.allegrograph.web import Response


@SERVER.route("GET", "catalogs")
def catalogs(call: Call) -> Response:
    """The catalogs, the root one called "/"."""
    return json_response([{"id": each} for each in ["/", *call.service.catalogs.names]])


@SERVER.route("PUT", "catalogs/{catalog}", "super")
def create_catalog(call: Call) -> Response:
    """Make a catalog."""
    directory, name = call.service.directory, call.arguments["catalog"]
    if name in directory.catalogs:
        raise RefusedError(400, f"There is a catalog {name!r} already.", "PRECONDITION FAILED")
    directory.catalogs.append(name)
    directory.save()
    return nothing()


@SERVER.route("DELETE", "catalogs/{catalog}", "super")
def delete_catalog(call: Call) -> Response:
    """Remove an empty catalog."""
    directory, name = call.service.directory, call.arguments["catalog"]
    if call.service.catalogs.repositories(name):
        raise RefusedError(400, f"The catalog {name!r} still has repositories.", "PRECONDITION FAILED")
    directory.catalogs.remove(name)
    directory.save()
    return nothing()


@SERVER.route("GET", "repositories")
def repositories(call: Call) -> Response:
    """The repositories of a catalog that the user may see."""
    directory, catalog = call.service.directory, call.catalog
    listed = []
    for name in call.service.catalogs.repositories(catalog):
        rights = {kind: directory.may(call.user, kind, catalog, name) for kind in ("read", "write")}
        if any(rights.values()):
            uri = f"/catalogs/{catalog}/repositories/{name}" if catalog else f"/repositories/{name}"
            listed.append(
                {"id": name, "title": name, "uri": uri, "readable": rights["read"], "writable": rights["write"]}
            )
    return json_response(listed)


# Users and roles


def _principal(call: Call) -> Principal:
    directory = call.service.directory
    if "role" in call.arguments:
        return directory.role(call.arguments["role"])
    return directory.user(call.arguments["user"])


def _saved(call: Call) -> Response:
    call.service.directory.save()
    return nothing()


def _own_or_super(call: Call) -> None:
    if call.arguments["user"] != call.user:
        call.service.directory.require(call.user, "super")


@SERVER.route("GET", "users", "super")
def users(call: Call) -> Response:
    """The names of all users."""
    return json_response(sorted(call.service.directory.users))


@SERVER.route("PUT", "users/{user}", "super")
def add_user(call: Call) -> Response:
    """Make a user, who may open sessions; only the anonymous one has no password."""
    directory, name = call.service.directory, call.arguments["user"]
    if name in directory.users:
        raise RefusedError(400, f"There is a user {name!r} already.", "PRECONDITION FAILED")
    user = User(permissions=["session"])
    if name != ANONYMOUS:
        user.set_password(call.request.needed("password"))
    directory.users[name] = user
    return _saved(call)


@SERVER.route("DELETE", "users/{user}", "super")
def delete_user(call: Call) -> Response:
    """Remove a user."""
    directory, name = call.service.directory, call.arguments["user"]
    directory.user(name)
    if name == call.user:
        raise RefusedError(400, "Users cannot remove themselves.", "PRECONDITION FAILED")
    del directory.users[name]
    return _saved(call)


@SERVER.route("POST", "users/{user}/password")
def change_password(call: Call) -> Response:
    """Change a password; the body is the new one."""
    _own_or_super(call)
    call.service.directory.user(call.arguments["user"]).set_password(call.request.text())
    return _saved(call)


@SERVER.route("GET", "roles", "super")
def roles(call: Call) -> Response:
    """The names of all roles."""
    return json_response(sorted(call.service.directory.roles))


@SERVER.route("PUT", "roles/{role}", "super")
def add_role(call: Call) -> Response:
    """Make a role."""
    call.service.directory.roles.setdefault(call.arguments["role"], Principal())
    return _saved(call)


@SERVER.route("DELETE", "roles/{role}", "super")
def delete_role(call: Call) -> Response:
    """Remove a role."""
    call.service.directory.role(call.arguments["role"])
    del call.service.directory.roles[call.arguments["role"]]
    return _saved(call)


@SERVER.route("GET", "users/{user}/roles", "super")
def user_roles(call: Call) -> Response:
    """The roles of a user."""
    return json_response(call.service.directory.user(call.arguments["user"]).roles)


@SERVER.route("PUT", "users/{user}/roles/{name}", "super")
def add_user_role(call: Call) -> Response:
    """Give a user a role."""
    directory, name = call.service.directory, call.arguments["name"]
    directory.role(name)
    held = directory.user(call.arguments["user"]).roles
    if name not in held:
        held.append(name)
    return _saved(call)


@SERVER.route("DELETE", "users/{user}/roles/{name}", "super")
def delete_user_role(call: Call) -> Response:
    """Take a role from a user."""
    user = call.service.directory.user(call.arguments["user"])
    user.roles = [each for each in user.roles if each != call.arguments["name"]]
    return _saved(call)


# What users and roles may do


@SERVER.route("GET", "users/{user}/permissions", "super")
@SERVER.route("GET", "roles/{role}/permissions", "super")
def permissions(call: Call) -> Response:
    """The permissions given directly."""
    return json_response(_principal(call).permissions)


@SERVER.route("GET", "users/{user}/effectivePermissions")
def effective_permissions(call: Call) -> Response:
    """The permissions with those of the roles."""
    _own_or_super(call)
    return json_response(call.service.directory.effective_permissions(call.arguments["user"]))


@SERVER.route("PUT", "users/{user}/permissions/{permission}", "super")
@SERVER.route("PUT", "roles/{role}/permissions/{permission}", "super")
def add_permission(call: Call) -> Response:
    """Give a permission."""
    permission = call.arguments["permission"]
    if permission not in PERMISSIONS:
        raise RefusedError(400, f"{permission!r} is not one of {', '.join(PERMISSIONS)}.", "MALFORMED PARAMETER")
    held = _principal(call).permissions
    if permission not in held:
        held.append(permission)
    return _saved(call)


@SERVER.route("DELETE", "users/{user}/permissions/{permission}", "super")
@SERVER.route("DELETE", "roles/{role}/permissions/{permission}", "super")
def delete_permission(call: Call) -> Response:
    """Take a permission."""
    one = _principal(call)
    one.permissions = [each for each in one.permissions if each != call.arguments["permission"]]
    return _saved(call)


@SERVER.route("GET", "users/{user}/access", "super")
@SERVER.route("GET", "roles/{role}/access", "super")
def access(call: Call) -> Response:
    """The access to repositories given directly."""
    return json_response(_principal(call).access)


@SERVER.route("GET", "users/{user}/effectiveAccess")
def effective_access(call: Call) -> Response:
    """The access with that of the roles."""
    _own_or_super(call)
    return json_response(call.service.directory.effective_access(call.arguments["user"]))


def _entry(call: Call) -> dict[str, Any]:
    request = call.request
    catalog, repository = request.value("catalog") or "*", request.value("repository") or "*"
    return access_entry(request.flag("read"), request.flag("write"), catalog, repository)


@SERVER.route("PUT", "users/{user}/access", "super")
@SERVER.route("PUT", "roles/{role}/access", "super")
def add_access(call: Call) -> Response:
    """Give access to repositories."""
    held, entry = _principal(call).access, _entry(call)
    if entry not in held:
        held.append(entry)
    return _saved(call)


@SERVER.route("DELETE", "users/{user}/access", "super")
@SERVER.route("DELETE", "roles/{role}/access", "super")
def delete_access(call: Call) -> Response:
    """Take access to repositories."""
    one, entry = _principal(call), _entry(call)
    one.access = [each for each in one.access if each != entry]
    return _saved(call)


def _filters(call: Call) -> list[dict[str, str | None]]:
    kind = call.arguments["kind"]
    if kind not in ("allow", "disallow"):
        raise missing(f"There are no {kind!r} filters; they allow or disallow.")
    return _principal(call).filters.setdefault(kind, [])


def _filter(call: Call) -> dict[str, str | None]:
    return {place: call.request.value(place) for place in "spog"}


@SERVER.route("GET", "users/{user}/security-filters/{kind}", "super")
@SERVER.route("GET", "roles/{role}/security-filters/{kind}", "super")
def security_filters(call: Call) -> Response:
    """Which triples are shown or hidden."""
    return json_response(_filters(call))


@SERVER.route("POST", "users/{user}/security-filters/{kind}", "super")
@SERVER.route("POST", "roles/{role}/security-filters/{kind}", "super")
def add_security_filter(call: Call) -> Response:
    """Show or hide the triples of a pattern."""
    _filters(call).append(_filter(call))
    return _saved(call)


@SERVER.route("DELETE", "users/{user}/security-filters/{kind}", "super")
@SERVER.route("DELETE", "roles/{role}/security-filters/{kind}", "super")
def delete_security_filter(call: Call) -> Response:
    """Forget a pattern."""
    present, unwanted = _filters(call), _filter(call)
    if unwanted in present:
        present.remove(unwanted)
    return _saved(call)


# Texts kept for users and for the server


@SERVER.route("GET", "users/{user}/data")
def list_data(call: Call) -> Response:
    """The keys of what a user keeps here."""
    _own_or_super(call)
    return json_response([{"id": key} for key in call.service.directory.user(call.arguments["user"]).data])


@SERVER.route("GET", "users/{user}/data/{key}")
def get_data(call: Call) -> Response:
    """A text that a user keeps here."""
    _own_or_super(call)
    kept, key = call.service.directory.user(call.arguments["user"]).data, call.arguments["key"]
    if key not in kept:
        raise missing(f"Nothing is kept under {key!r}.")
    return json_response(kept[key])


@SERVER.route("PUT", "users/{user}/data/{key}")
def put_data(call: Call) -> Response:
    """Keep a text."""
    _own_or_super(call)
    call.service.directory.user(call.arguments["user"]).data[call.arguments["key"]] = call.request.text()
    return _saved(call)


@SERVER.route("DELETE", "users/{user}/data/{key}")
def delete_data(call: Call) -> Response:
    """Forget a text."""
    _own_or_super(call)
    call.service.directory.user(call.arguments["user"]).data.pop(call.arguments["key"], None)
    return _saved(call)


@SERVER.route("GET", "initfile", "super")
def initfile(call: Call) -> Response:
    """The init file, kept and never run."""
    return json_response(call.service.directory.texts.get("initfile", ""))


@SERVER.route("PUT", "initfile", "super")
def put_initfile(call: Call) -> Response:
    """Keep an init file."""
    call.service.directory.texts["initfile"] = call.request.text()
    return _saved(call)


@SERVER.route("DELETE", "initfile", "super")
def delete_initfile(call: Call) -> Response:
    """Forget the init file."""
    call.service.directory.texts.pop("initfile", None)
    return _saved(call)


@SERVER.route("GET", "scripts", "super")
def scripts(call: Call) -> Response:
    """The names of the scripts, kept and never run."""
    return json_response(sorted(call.service.directory.texts.get("scripts", {})))


@SERVER.route("GET", "scripts/{name}", "super")
def script(call: Call) -> Response:
    """A script."""
    kept = call.service.directory.texts.get("scripts", {})
    if call.arguments["name"] not in kept:
        raise missing(f"There is no script {call.arguments['name']!r}.")
    return json_response(kept[call.arguments["name"]])


@SERVER.route("PUT", "scripts/{name}", "super")
def put_script(call: Call) -> Response:
    """Keep a script."""
    call.service.directory.texts.setdefault("scripts", {})[call.arguments["name"]] = call.request.text()
    return _saved(call)


@SERVER.route("DELETE", "scripts/{name}", "super")
def delete_script(call: Call) -> Response:
    """Forget a script."""
    call.service.directory.texts.get("scripts", {}).pop(call.arguments["name"], None)
    return _saved(call)
