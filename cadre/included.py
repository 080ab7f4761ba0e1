"""Modules of the operator's own package, which offer patterns, tools and agents.

They are named by the setting `include`. They run in the worker, with its keys, as Cadre's own code
does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import TypeVar

from cadre.domain.errors import CadreError, ErrorKind

# What a module may offer, each under its name; each module offers at least one of them.
OFFERS = ("PATTERNS", "TOOLS", "AGENTS")

T = TypeVar("T")


def load(names: Sequence[str]) -> tuple[ModuleType, ...]:
    """Import the modules. Raises CadreError(WRONG_INPUT), one line, for the first that fails."""
    return tuple(_load(name) for name in dict.fromkeys(names))


def _load(name: str) -> ModuleType:
    try:
        module = import_module(name)
    except Exception as error:  # whatever the module's own code may raise
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise refused(name, f"it cannot be imported: {why}") from error
    if not any(hasattr(module, offer) for offer in OFFERS):
        raise refused(name, f"it offers none of {', '.join(OFFERS)}")
    return module


def offered(modules: Sequence[ModuleType], offer: str, kind: type[T]) -> Iterator[tuple[str, T]]:
    """What the modules offer under that name, one by one, each with its module's name.

    Raises CadreError(WRONG_INPUT), one line, for what is not a `kind`.
    """
    for module in modules:
        things = getattr(module, offer, ())
        if not isinstance(things, tuple | list) or isinstance(things, kind):
            raise refused(module.__name__, f"its {offer} is no tuple, but {_shown(things)}")
        for thing in things:
            if not isinstance(thing, kind):
                what = f"its {offer} holds {_shown(thing)}, which is no {kind.__name__}"
                raise refused(module.__name__, what)
            yield module.__name__, thing


def refused(module: str, why: str) -> CadreError:
    """That a module is not included, and why, in one line."""
    return CadreError(ErrorKind.WRONG_INPUT, f"--include {module}: {why}")


def _shown(thing: object) -> str:
    text = " ".join(repr(thing).split())
    return text if len(text) <= 80 else text[:79] + "…"
