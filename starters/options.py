"""Command-line options from a pattern's input model: one for each field."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, TypeVar, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from typer.models import ArgumentInfo, OptionInfo

from cadre.domain.decisions import Choice, Policy
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.permissions import PermissionMode

M = TypeVar("M", bound=BaseModel)
# The one field that stands without an option's name, and options that are not named as fields.
ARGUMENT = "task"
PATTERN_WORDS = "take a-z, 0-9, '.', '_' and '-', at most 64, with a letter or digit at both ends"
NAMES = {"run": "--id", "max_cost_usd": "--max-cost", "tasks": "--task"}
METAVARS = {"repo": "PATH", "tasks": "TASK", "stage": "AGENT[=GATE]", "deliver": "WHERE"}


def option_name(field: str) -> str:
    """How the command line calls a field."""
    return NAMES.get(field, "--" + field.replace("_", "-"))


def parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """A field as a parameter that Typer turns into an option."""
    annotation, required = _cli_type(field.annotation), field.is_required() and name != "run"
    default = None if name == "run" or required else field.default
    if name == "run":
        annotation = str | None
    if annotation == list[str]:
        default = list(default or ())
    elif isinstance(default, Decimal):
        default = str(default)
    info: ArgumentInfo | OptionInfo
    if name == ARGUMENT:
        info = typer.Argument(help=field.description, show_default=False)
    else:
        info = typer.Option(
            option_name(name), help=_help(field), metavar=_metavar(name, annotation)
        )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else default,
        annotation=Annotated[annotation, info],
    )


def _cli_type(annotation: Any) -> Any:
    """The type as Typer knows it; the model itself checks values and bounds."""
    if get_origin(annotation) is tuple:
        return list[get_args(annotation)[0]]  # type: ignore[misc]
    if annotation == PermissionMode | None:
        return str | None
    return str if annotation in (Decimal, Choice) else annotation


def _metavar(name: str, annotation: Any) -> str | None:
    if name.endswith("_usd"):
        return "USD"
    if annotation in (int, float):
        return "N"
    return None if annotation is bool else METAVARS.get(name, name.upper())


def _help(field: FieldInfo) -> str:
    bounds = [
        words.format(limit)
        for bound in field.metadata
        for kind, words, limit in (
            (Gt, "more than {}", getattr(bound, "gt", None)),
            (Ge, "at least {}", getattr(bound, "ge", None)),
            (Le, "at most {}", getattr(bound, "le", None)),
        )
        if isinstance(bound, kind)
    ]
    text = field.description or ""
    return f"{text} ({', '.join(bounds)})" if bounds else text


def with_options(
    model: type[BaseModel], function: Callable[..., Any], extra: list[inspect.Parameter]
) -> Callable[..., Any]:
    """A command that calls `function(values, **extra)`, with an option for each field of `model`,
    the values of those as a dict."""

    def command(**given: Any) -> Any:
        own = {name: given.pop(name) for name in model.model_fields}
        return function(own, **given)

    parameters = [parameter(name, field) for name, field in model.model_fields.items()]
    # What is required first, and who decides last.
    parameters.sort(
        key=lambda p: (p.default is not inspect.Parameter.empty, p.name in Policy.model_fields)
    )
    command.__signature__ = inspect.Signature([*parameters, *extra])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*parameters, *extra]}
    command.__doc__ = model.__doc__
    return command


def filled(model: type[M], values: dict[str, Any]) -> M:
    """The model with these values. Raises CadreError(WRONG_INPUT) that names the first option
    whose value does not fit."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = str(first["msg"]).removeprefix("Value error, ")
        if not first["loc"]:  # the model's own check, whose words name the options
            raise CadreError(ErrorKind.WRONG_INPUT, said) from error
        field = str(first["loc"][0])
        name = ARGUMENT if field == ARGUMENT else option_name(field)
        if first["type"] == "string_pattern_mismatch":
            said = PATTERN_WORDS
        given = "" if field == ARGUMENT else f" {_shown(first['input'])}"
        raise CadreError(ErrorKind.WRONG_INPUT, f"{name}{given}: {said}") from error


def _shown(given: Any) -> str:
    """A value as it was typed; of an option that is given several times, all of them."""
    return " ".join(map(str, given)) if isinstance(given, list | tuple) else str(given)
