"""The OpenAPI document, made of the routes and the schemas.  Pure."""

from __future__ import annotations

from json import dumps

from sriovctl.api.contract.messages import COOKIE, JSON, Role
from sriovctl.api.contract.routes import PATH_PARAMETERS, ROUTES, Parameter, Route
from sriovctl.api.contract.schema_words import reference
from sriovctl.api.contract.schemas import schemas

OPENAPI_VERSION = "3.1.0"
API_VERSION = "1"
_TITLE = "sriovctl"
_DESCRIPTION = """\
SR-IOV on one host: PFs and their VFs, who uses them, plans and runs, leases, events.

Over a unix socket the kernel says who asks; over TCP, with TLS, a bearer token does, or the \
session of a browser that signed in with one. What a session changes needs the header \
`X-CSRF-Token` with the session's `csrf`. Bodies are \
the documents of the command's `--json`. Every error has one shape, with `code`, `cause`, \
`subject`, `hint` and `evidence`."""
_TAGS = {
    "host": "What this host has",
    "users": "Who uses it",
    "changes": "How it is changed",
    "leases": "VFs for one owner at a time",
    "daemon": "The daemon itself",
}
_ROLE_WORDS = {
    Role.READ: "For all who may connect with a role.",
    Role.OPERATE: "Needs the role `operate`.",
    Role.ADMIN: "Needs the role `admin`.",
}


def openapi_document() -> dict[str, object]:
    """Make the document."""
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": _TITLE,
            "version": API_VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": meaning} for name, meaning in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def format_openapi() -> str:
    """Lay the document out as a file holds it."""
    return dumps(openapi_document(), indent=2, ensure_ascii=False)


def _operation(route: Route) -> dict[str, object]:
    shaped: dict[str, object] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "parameters": [_parameter(one) for one in (*_of_path(route), *route.parameters)],
        "responses": _responses(route),
        "security": [] if route.role is None else [{"token": []}, {"session": []}],
    }
    if route.role is not None:
        shaped["description"] = _ROLE_WORDS[route.role]
    if route.body is not None:
        content = {kind: {"schema": reference(route.body)} for kind in route.body_types}
        shaped["requestBody"] = {"required": True, "content": content}
    return shaped


def _of_path(route: Route) -> list[Parameter]:
    names = [one[1:-1] for one in route.path.split("/") if one.startswith("{")]
    return [PATH_PARAMETERS[name] for name in names]


def _parameter(parameter: Parameter) -> dict[str, object]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.meaning,
        "required": parameter.required,
        "schema": dict(parameter.schema),
    }


def _responses(route: Route) -> dict[str, object]:
    schema = {"type": "object"} if route.answer is None else reference(route.answer)
    content = {
        kind: {"schema": schema if kind == JSON else {"type": "string"}} for kind in route.types()
    }
    done: dict[str, object] = {"description": "Done", "content": content}
    found: dict[str, object] = {str(route.status): done}
    if route.has_etag:
        done["headers"] = {"ETag": {"schema": {"type": "string"}}}
        found["304"] = {"description": "As the client has it already"}
    error = {"application/json": {"schema": reference("Error")}}
    found["default"] = {"description": "Refused, or failed", "content": error}
    return found
