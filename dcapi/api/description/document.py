"""The document: routes, marks and schemas of the application, put together with the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from werkzeug.routing import Rule

from dcapi.api.description import forms, other_responses, responses
from dcapi.api.description.fields import JsonSchema, describe
from dcapi.api.description.operation import FORM, Body, Operation
from dcapi.api.description.operation_table import ENCODING, TABLES
from dcapi.api.description.parameters import (
    HEADERS,
    PARAMETERS,
    REFERENCE,
    error_response,
    headers,
    reference_parameter,
)
from dcapi.api.errors import IDENTITY_PREFIX
from dcapi.auth.policy import Access, access_of
from dcapi.schemas.install_values import InstallValuesSchema
from dcapi.settings import Settings

OPENAPI_VERSION = "3.1.0"
API_VERSION = "1.0"
TITLE = "Distributed Cloud manager API"
DESCRIPTION = (
    "The API of the StarlingX Distributed Cloud manager: system peers, subcloud peer groups and their "
    "associations, subclouds and subcloud groups. Every path is also there with a slash at its end. A site "
    "that asks other sites for certificates answers 403 to every call that says a site sends it and shows "
    "none."
)
RULE_KEY = "x-dcapi-rule"
TOKEN_SCHEME = "token"  # noqa: S105 (a name, no password)
# Methods that are described; HEAD is what GET is.
METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})

VARIABLE = re.compile(r"<(?:(?P<converter>[a-z]+)(?:\((?P<words>[^)]*)\))?:)?(?P<name>\w+)>")

# What every call can answer, and what needs a body, a token, a rule or a reference to be answered.
ALWAYS = (413, 500, 503)
WITH_BODY = (400,)
# A user may have a limit of requests.
WITH_TOKEN = (401, 429)
WITH_RULE = (403,)
# An empty reference is the address of the collection, which takes other methods.
WITH_REFERENCE = (404, 405)


@dataclass(frozen=True)
class Route:
    """A call that the application routes: one for each word of a converter ``any(…)``."""

    method: str
    path: str
    operation_id: str
    access: Access | None

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


def routes_of(app: Flask) -> list[Route]:
    """Every call of the application, in the order of its routes."""
    return [
        route
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & METHODS)
        for route in _routes_of_rule(app, rule, method)
    ]


def _routes_of_rule(app: Flask, rule: Rule, method: str) -> Iterator[Route]:
    access = access_of(app.view_functions[rule.endpoint], method)
    blueprint, _, view = rule.endpoint.rpartition(".")
    words = _words(rule.rule)
    for word in words or [""]:
        yield Route(method, _path(rule.rule, word), f"{blueprint}_{word or view}", access)


def _path(rule: str, word: str) -> str:
    """The path as a document writes it, with ``word`` for a converter ``any(…)``."""
    return VARIABLE.sub(lambda found: word if found["words"] else f"{{{found['name']}}}", rule)


def _words(rule: str) -> list[str]:
    found = [match["words"] for match in VARIABLE.finditer(rule) if match["converter"] == "any"]
    return [word.strip() for word in found[0].split(",")] if found else []


def build(app: Flask, settings: Settings) -> dict[str, Any]:
    """The OpenAPI document of an application; calls that the tables do not name are not in it."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name_of_nested)
    spec = APISpec(
        title=TITLE,
        version=API_VERSION,
        openapi_version=OPENAPI_VERSION,
        plugins=[plugin],
        info={"description": DESCRIPTION},
        servers=[{"url": "/"}],
        tags=[{"name": tag} for tag in TABLES],
        security=[{TOKEN_SCHEME: []}],
    )
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(describe)
    _add_components(spec)
    routes = {route.key: route for route in routes_of(app)}
    writer = _Writer(spec, plugin, settings, {key: routes[key] for key in _described() if key in routes})
    writer.write()
    return spec.to_dict()


def _name_of_nested(schema: Any) -> str:
    """Schemas inside of others are those of a login."""
    return f"Login{type(schema).__name__.removesuffix('Schema')}"


def _described() -> dict[str, Operation]:
    return {key: operation for table in TABLES.values() for key, operation in table.items()}


def _add_components(spec: APISpec) -> None:
    spec.components.security_scheme(TOKEN_SCHEME, {"type": "apiKey", "in": "header", "name": "X-Auth-Token"})
    for name, parameter in PARAMETERS.items():
        spec.components.parameter(name, parameter["in"], parameter)
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    schemas = {**responses.COMPONENTS, **other_responses.COMPONENTS, **responses.ERROR_COMPONENTS}
    for name, schema in schemas.items():
        spec.components.schema(name, schema)
    spec.components.schema("BootstrapValues", forms.BOOTSTRAP_VALUES)
    spec.components.schema("InstallValues", forms.INSTALL_VALUES, schema=InstallValuesSchema())


class _Writer:
    """Writes the paths of one document."""

    def __init__(
        self, spec: APISpec, plugin: MarshmallowPlugin, settings: Settings, routes: dict[str, Route]
    ) -> None:
        self.spec = spec
        self.plugin = plugin
        self.settings = settings
        self.routes = routes

    def write(self) -> None:
        for tag, table in TABLES.items():
            for key, operation in table.items():
                if key in self.routes:
                    self._write(self.routes[key], tag, operation)

    def _write(self, route: Route, tag: str, operation: Operation) -> None:
        written: dict[str, Any] = {
            "operationId": route.operation_id,
            "tags": [tag],
            "summary": operation.summary,
            **({"description": operation.description} if operation.description else {}),
            **_rights(route.access),
            "parameters": _parameters(route, operation),
            "responses": self._responses(route, operation),
        }
        if operation.bodies:
            content = {body.media_type: self._content(body) for body in operation.bodies}
            written["requestBody"] = {"required": True, "content": content}
        self.spec.path(path=route.path, operations={route.method.lower(): written})

    def _content(self, body: Body) -> dict[str, Any]:
        if body.component not in self.spec.components.schemas:
            self.spec.components.schema(body.component, self._schema(body))
        content: dict[str, Any] = {"schema": responses.named(body.component)}
        if body.media_type == FORM:
            content["encoding"] = {part: ENCODING[part] for part in body.beside if part in ENCODING}
        if body.example is not None:
            content["examples"] = {"usual": {"value": dict(body.example)}}
        return content

    def _schema(self, body: Body) -> JsonSchema:
        assert self.plugin.converter is not None
        schema: JsonSchema = self.plugin.converter.schema2jsonschema(body.make(self.settings))
        schema["properties"] = {**schema["properties"], **body.beside}
        if body.required is not None:
            schema.pop("required", None)
            schema |= {"required": list(body.required)} if body.required else {}
        return {**schema, "minProperties": 1}

    def _responses(self, route: Route, operation: Operation) -> dict[str, Any]:
        content = {operation.media_type: {"schema": operation.answer}}
        body = {} if operation.answer is None else {"content": content}
        answered = {
            operation.code: "As asked.",
            **operation.also,
        }
        responses: dict[int, Any] = {
            code: {"description": text, "headers": headers(*operation.headers), **body}
            for code, text in answered.items()
        }
        links = _links(route, list(self.routes.values()))
        if links:
            responses[operation.code]["links"] = links
        identity = route.path.startswith(IDENTITY_PREFIX)
        for code in _error_codes(route, operation) - responses.keys():
            responses[code] = error_response(code, operation.errors.get(code, ""), identity=identity)
        return {str(code): responses[code] for code in sorted(responses)}


def _rights(access: Access | None) -> dict[str, Any]:
    if access is None or access.public:
        return {"security": []}
    return {RULE_KEY: list(access.rules)} if access.rules else {}


def _parameters(route: Route, operation: Operation) -> list[Any]:
    found: list[Any] = list(operation.parameters)  # apispec makes references of names
    if f"{{{REFERENCE}}}" in route.path:
        found.insert(0, reference_parameter(route.path.split("/")[2]))
    return found


def _error_codes(route: Route, operation: Operation) -> set[int]:
    codes = {*ALWAYS, *operation.errors}
    if operation.bodies:
        codes.update(WITH_BODY)
    if route.access is not None and not route.access.public:
        codes.update(WITH_TOKEN)
        codes.update(WITH_RULE if route.access.rules else ())
    if f"{{{REFERENCE}}}" in route.path:
        codes.update(WITH_REFERENCE)
    return codes


def _links(route: Route, all_routes: list[Route]) -> dict[str, Any]:
    """From a call that creates something to the calls about what it created."""
    if route.method != "POST" or not route.path.startswith("/v1.0/"):
        return {}
    return {
        other.operation_id: {
            "operationId": other.operation_id,
            "parameters": {REFERENCE: "$response.body#/id"},
        }
        for other in all_routes
        if other.path.startswith(f"{route.path}/{{{REFERENCE}}}")
    }
