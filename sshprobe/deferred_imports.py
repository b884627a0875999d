"""Modules that a library imports and a command may never use. They are loaded at their first use instead."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from threading import RLock
from types import ModuleType

_loading = RLock()


class _DeferredModule(ModuleType):
    """A module that is not loaded yet. It becomes an ordinary module when an attribute is read.

    `importlib.util.LazyLoader` does not help here: an import statement reads `__spec__`, and that loads its modules.
    """

    def __getattr__(self, name: str) -> object:
        if name == "__path__":  # only packages have one, and the import system looks for it
            raise AttributeError(name)
        with _loading:
            if type(self) is _DeferredModule:
                self._load()
        return getattr(self, name)

    def _load(self) -> None:
        del sys.modules[self.__name__]  # else the search returns its empty spec
        spec = find_spec(self.__name__)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(name=self.__name__)
        sys.modules[self.__name__] = self
        self.__spec__, self.__loader__, self.__package__ = spec, spec.loader, spec.parent
        self.__file__ = spec.origin
        self.__class__ = ModuleType  # type: ignore[assignment]  # a plain module, as LazyLoader does
        spec.loader.exec_module(self)


def defer_imports(*names: str) -> None:
    """Load these modules (not packages) at their first use. Loaded modules are unchanged."""
    for name in names:
        sys.modules.setdefault(name, _DeferredModule(name))
