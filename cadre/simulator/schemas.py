"""Which JSON schemas the service takes: for tools, and a subset for structured output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cadre.simulator.errors import ApiError, Json, one_of, require

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_TOOL_FIELDS = {
    "name",
    "description",
    "input_schema",
    "type",
    "cache_control",
    "strict",
    "eager_input_streaming",
    "input_examples",
    "defer_loading",
    "allowed_callers",
}
_ANY = {"type", "description", "title", "default", "enum", "const", "anyOf", "allOf", "$ref"}
_SUPPORTED = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems"},
    "string": {"format", "pattern"},
}
_TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}
_DEFINITIONS = ("$defs", "definitions")
_FORMATS = {
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
}


def check_tools(tools: Any) -> None:
    """Refuse tools whose name or input schema the service would not take."""
    require(isinstance(tools, list), "tools: Input should be a valid list")
    names = set()
    for index, tool in enumerate(tools):
        path = f"tools.{index}"
        require(isinstance(tool, dict), f"{path}: Input should be an object")
        require(
            one_of(tool.get("type"), None, "custom"),
            f"{path}.type: the simulator knows client tools only",
        )
        extra = sorted(set(tool) - _TOOL_FIELDS)
        require(not extra, f"{path}.{''.join(extra[:1])}: Extra inputs are not permitted")
        name = tool.get("name")
        require(
            isinstance(name, str) and _TOOL_NAME.fullmatch(name),
            f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'",
        )
        require(name not in names, f"tools: Tool names must be unique, {name} is not")
        names.add(name)
        _check_input_schema(f"{path}.input_schema", tool.get("input_schema"))
        if tool.get("strict"):
            check_output_schema(f"{path}.input_schema", tool["input_schema"])


def _check_input_schema(path: str, schema: Any) -> None:
    require(isinstance(schema, dict), f"{path}: Field required")
    require(schema.get("type") == "object", f"{path}.type: Input should be 'object'")
    properties = schema.get("properties", {})
    require(isinstance(properties, dict), f"{path}.properties: Input should be an object")
    for name, value in properties.items():
        require(isinstance(value, dict | bool), f"{path}.properties.{name}: JSON schema is invalid")
    required = schema.get("required", [])
    require(
        isinstance(required, list) and all(isinstance(name, str) for name in required),
        f"{path}.required: JSON schema is invalid, an array of strings is needed",
    )


def check_output_schema(path: str, schema: Any) -> None:
    """Refuse a schema outside the subset that output can be constrained to."""
    require(isinstance(schema, dict) and schema, f"{path}: Field required")
    parts = [schema.get(name, {}) for name in _DEFINITIONS]
    require(all(isinstance(part, dict) for part in parts), f"{path}.$defs: should be an object")
    checks = _Checks({name: value for part in parts for name, value in part.items()})
    checks.check({k: v for k, v in schema.items() if k not in {*_DEFINITIONS, "$schema"}}, path)
    for name, definition in checks.definitions.items():
        checks.check(definition, f"{path}.$defs.{name}", frozenset({name}))


@dataclass(frozen=True)
class _Checks:
    """`inside` holds the definitions that a schema stands in: none may refer to itself."""

    definitions: Json

    def check(self, schema: Any, path: str, inside: frozenset[str] = frozenset()) -> None:
        require(isinstance(schema, dict), f"{path}: Schema should be an object")
        types = _types(schema, path)
        allowed = _ANY.union(*(_SUPPORTED.get(t, set()) for t in types))
        extra = sorted(set(schema) - allowed)
        require(not extra, f"{path}: {', '.join(extra)} not supported for {types or 'this schema'}")
        require(
            "object" not in types or schema.get("additionalProperties") is False,
            f"{path}: For 'object' type, 'additionalProperties' must be explicitly false",
        )
        require(
            one_of(schema.get("minItems", 0), 0, 1),
            f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported",
        )
        require(
            one_of(schema.get("format", "date"), *_FORMATS),
            f"{path}: format {schema.get('format')!r} is not supported",
        )
        if "$ref" in schema:
            self._follow(str(schema["$ref"]), path, inside)
        else:
            known = {"type", "anyOf", "allOf", "enum", "const"} & set(schema)
            require(known, f"{path}: Schema needs a type, anyOf, allOf, enum, const or $ref")
        for place, inner in _inner(schema, path):
            self.check(inner, place, inside)

    def _follow(self, reference: str, path: str, inside: frozenset[str]) -> None:
        match = re.fullmatch(r"#/(?:\$defs|definitions)/(.+)", reference)
        if match is None or match[1] not in self.definitions:
            raise ApiError(400, f"{path}.$ref: {reference} is not defined in the schema")
        require(match[1] not in inside, f"{path}: Recursive schemas are not supported")
        self.check(self.definitions[match[1]], path, inside | {match[1]})


def _inner(schema: Json, path: str) -> Iterator[tuple[str, Any]]:
    """The schemas within a schema, with their paths."""
    properties = schema.get("properties", {})
    require(isinstance(properties, dict), f"{path}.properties: should be an object")
    for name, value in properties.items():
        yield f"{path}.properties.{name}", value
    if "items" in schema:
        yield f"{path}.items", schema["items"]
    for keyword in ("anyOf", "allOf"):
        options = schema.get(keyword, [])
        require(isinstance(options, list), f"{path}.{keyword}: should be an array")
        for index, value in enumerate(options):
            yield f"{path}.{keyword}.{index}", value


def _types(schema: Json, path: str) -> list[str]:
    given = schema.get("type", [])
    types = given if isinstance(given, list) else [given]
    known = all(one_of(kind, *_TYPES) for kind in types)
    require(known, f"{path}.type: {given!r} is not a JSON schema type")
    return types
