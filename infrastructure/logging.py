"""Logging: structlog on standard error, as lines for people or as JSON; never payloads or secrets."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast

from infrastructure.settings import Settings


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """Let modules be as if they were not installed."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(dict.fromkeys(modules, cast(ModuleType, None)))  # None says: there is none
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


# structlog loads Rich where it finds it, for tracebacks that show local variables. Ours are plain, because local
# variables may be payloads; and what Rich needs for tracebacks takes longer to load than structlog itself.
with _hidden("rich.console", "rich.pretty", "rich.traceback"):
    import structlog


def configure(settings: Settings) -> None:
    """Set up logging for this process."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
