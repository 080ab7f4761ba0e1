"""Which JSON schemas the service takes: for tools, and a subset for structured output."""

from __future__ import annotations

import re
from typing import Any

from cadre.simulator.errors import ApiError, Json, require

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
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"}


def check_tools(tools: Any) -> None:
    """Refuse tools whose name or input schema the service would not take."""
    require(isinstance(tools, list), "tools: Input should be a valid list")
    names = set()
    for index, tool in enumerate(tools):
        path = f"tools.{index}"
        require(isinstance(tool, dict), f"{path}: Input should be an object")
        require(
            tool.get("type") in {None, "custom"},
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
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    _Walk(path, definitions).check(schema, path, frozenset(), top=True)
    for name, definition in definitions.items():
        _Walk(path, definitions).check(definition, f"{path}.$defs.{name}", frozenset({name}))


class _Walk:
    def __init__(self, root: str, definitions: Json) -> None:
        self.root = root
        self.definitions = definitions

    def check(self, schema: Any, path: str, inside: frozenset[str], *, top: bool = False) -> None:
        require(isinstance(schema, dict), f"{path}: Schema should be an object")
        types = _types(schema, path)
        allowed = _ANY.union(*(_SUPPORTED.get(t, set()) for t in types))
        if top:
            allowed |= {"$defs", "definitions", "$schema"}
        extra = sorted(set(schema) - allowed)
        require(not extra, f"{path}: {', '.join(extra)} not supported for {types or 'this schema'}")
        self._check_reference(schema, path, inside)
        if "object" in types:
            require(
                schema.get("additionalProperties") is False,
                f"{path}: For 'object' type, 'additionalProperties' must be explicitly false",
            )
        require(
            schema.get("minItems", 0) in {0, 1},
            f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported",
        )
        require(
            schema.get("format", "date") in {*_FORMATS, "uuid"},
            f"{path}: format {schema.get('format')!r} is not supported",
        )
        for name, value in schema.get("properties", {}).items():
            self.check(value, f"{path}.properties.{name}", inside)
        if "items" in schema:
            self.check(schema["items"], f"{path}.items", inside)
        for keyword in ("anyOf", "allOf"):
            for index, value in enumerate(schema.get(keyword, [])):
                self.check(value, f"{path}.{keyword}.{index}", inside)

    def _check_reference(self, schema: Json, path: str, inside: frozenset[str]) -> None:
        if "$ref" not in schema:
            known = {"type", "anyOf", "allOf", "enum", "const"} & set(schema)
            require(known, f"{path}: Schema needs a type, anyOf, allOf, enum, const or $ref")
            return
        match = re.fullmatch(r"#/(?:\$defs|definitions)/(.+)", str(schema["$ref"]))
        if match is None or match[1] not in self.definitions:
            raise ApiError(400, f"{path}.$ref: {schema['$ref']} is not defined in the schema")
        require(match[1] not in inside, f"{path}: Recursive schemas are not supported")
        self.check(self.definitions[match[1]], path, inside | {match[1]})


def _types(schema: Json, path: str) -> list[str]:
    given = schema.get("type", [])
    types = given if isinstance(given, list) else [given]
    require(set(types) <= _TYPES, f"{path}.type: {given!r} is not a JSON schema type")
    return types
