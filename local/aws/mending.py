"""How a mend changes the emulator: by exact text, or by replacing a name that must be there.

Both refuse to guess. A new version of the emulator in which a mended place looks different stops the
launcher with the name of that place, instead of running with the gap open again.
"""

import inspect


class Unmendable(RuntimeError):
    """The emulator does not look as the mend expects; read its new source and adapt the mend."""


def replace_once(text: str, old: str, new: str, where: str) -> str:
    """`text` with the one occurrence of `old` replaced; raises Unmendable when it is not there exactly once."""
    found = text.count(old)
    if found != 1:
        raise Unmendable(f"{where}: expected once, found {found} times:\n{old}")
    return text.replace(old, new)


def existing(owner, name: str):
    """The attribute `name` of a module or class; raises Unmendable when it is not there."""
    if not hasattr(owner, name):
        raise Unmendable(f"{owner.__name__} has no {name}")
    return getattr(owner, name)


def wrap(owner, name: str):
    """Decorator: replaces owner.name by a function that gets the original as its first argument."""

    def decorate(function):
        def wrapped(*args, **kwargs):
            return function(wrapped.__wrapped__, *args, **kwargs)

        wrapped.__name__ = name
        wrapped.__wrapped__ = existing(owner, name)
        setattr(owner, name, wrapped)
        return wrapped

    return decorate


def rewrite(owner, name: str, *changes: tuple[str, str], **names) -> None:
    """Compiles owner.name again with each (old, new) replaced in its source, `names` visible to it.

    For a change in the middle of a long function, where wrapping would mean to copy it. What was wrapped around it
    stays around it, so the order of mends does not matter.
    """
    wrapper, function = None, existing(owner, name)
    while hasattr(function, "__wrapped__"):
        wrapper, function = function, function.__wrapped__

    module = inspect.getmodule(function)
    where = f"{module.__name__}.{function.__qualname__}"
    source = _SOURCES.get(where) or inspect.getsource(function)
    for old, new in changes:
        source = replace_once(source, old, new, where)
    _SOURCES[where] = source

    scope = vars(module)
    scope.update(names)
    made: dict = {}
    indented = "if True:\n" if source[0] == " " else ""  # a method
    exec(compile(indented + source, f"{where} (mended)", "exec"), scope, made)
    made[name].__qualname__ = function.__qualname__
    if wrapper is not None:
        wrapper.__wrapped__ = made[name]
    else:
        setattr(owner, name, made[name])


# The source of what was rewritten before, so that two mends can change one function.
_SOURCES: dict[str, str] = {}
