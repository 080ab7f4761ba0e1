"""What each model accepts, as documented in November 2026 (platform.claude.com, "Troubleshooting
thinking", "Prompt caching" and each model's "What's new" page)."""

from __future__ import annotations

from dataclasses import dataclass, replace

ADAPTIVE, ENABLED, DISABLED, BETWEEN = "adaptive", "enabled", "disabled", "between_tools"


@dataclass(frozen=True)
class Traits:
    """A model's limits in tokens, and which request fields it takes.

    `thinking` holds the accepted values of `thinking.type`, `thinks` says what happens without
    one. `shows_thinking` is the default of `thinking.display`; `hides_text` means that the text
    before a tool use comes back as thinking.
    """

    id: str
    context_window: int = 1_000_000
    max_tokens: int = 128_000
    min_cacheable: int = 512
    thinking: tuple[str, ...] = (ADAPTIVE,)
    thinks: bool = True
    shows_thinking: bool = False
    hides_text: bool = True
    forced_tools: bool = False
    sampling: bool = False
    prefill: bool = False
    effort: bool = True


_CURRENT = Traits("")
_FIVE = replace(_CURRENT, hides_text=False, forced_tools=True)
_OPTIONAL = replace(_FIVE, thinking=(ADAPTIVE, DISABLED))
_FOUR_SEVEN = replace(_OPTIONAL, thinks=False, min_cacheable=1024)
_FOUR_SIX = replace(
    _FOUR_SEVEN, thinking=(ADAPTIVE, ENABLED, DISABLED), sampling=True, shows_thinking=True
)
_FOUR_FIVE = replace(
    _FOUR_SIX,
    thinking=(ENABLED, DISABLED),
    prefill=True,
    effort=False,
    context_window=200_000,
    max_tokens=64_000,
)

_TABLE = (
    replace(_CURRENT, id="claude-fable-5-2"),
    replace(_CURRENT, id="claude-mythos-5-2"),
    replace(_CURRENT, id="claude-fable-5-1"),
    replace(_CURRENT, id="claude-mythos-5-1"),
    replace(_CURRENT, id="claude-opus-5-5"),
    replace(_CURRENT, id="claude-sonnet-5-5", thinking=(ADAPTIVE, BETWEEN)),
    replace(_OPTIONAL, id="claude-haiku-5-5"),
    replace(_FIVE, id="claude-fable-5"),
    replace(_FIVE, id="claude-mythos-5"),
    replace(_OPTIONAL, id="claude-opus-5"),
    replace(_OPTIONAL, id="claude-sonnet-5", min_cacheable=1024),
    replace(_FOUR_SEVEN, id="claude-opus-4-8"),
    replace(_FOUR_SEVEN, id="claude-opus-4-7", min_cacheable=2048),
    replace(_FOUR_SIX, id="claude-mythos-preview"),
    replace(_FOUR_SIX, id="claude-opus-4-6", min_cacheable=4096),
    replace(_FOUR_SIX, id="claude-sonnet-4-6"),
    replace(_FOUR_FIVE, id="claude-opus-4-5", min_cacheable=4096, effort=True),
    replace(_FOUR_FIVE, id="claude-opus-4-5-20251101", min_cacheable=4096, effort=True),
    replace(_FOUR_FIVE, id="claude-sonnet-4-5"),
    replace(_FOUR_FIVE, id="claude-sonnet-4-5-20250929"),
    replace(_FOUR_FIVE, id="claude-haiku-4-5", min_cacheable=4096),
    replace(_FOUR_FIVE, id="claude-haiku-4-5-20251001", min_cacheable=4096),
)
MODELS = {traits.id: traits for traits in _TABLE}
