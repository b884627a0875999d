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
        with _loading:  # other threads wait until the module is complete
            if type(self) is _DeferredModule:
                if self.__spec__ is not None:  # this thread is loading it
                    raise AttributeError(name)
                self._load()
        return getattr(self, name)

    def _load(self) -> None:
        sys.modules.pop(self.__name__, None)  # else the search returns its empty spec
        spec = find_spec(self.__name__)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(name=self.__name__)
        sys.modules[self.__name__] = self
        self.__spec__, self.__loader__, self.__package__ = spec, spec.loader, spec.parent
        self.__file__ = spec.origin
        try:
            spec.loader.exec_module(self)
        except BaseException:
            self.__spec__ = None
            raise
        self.__class__ = ModuleType  # type: ignore[assignment]  # a plain module, as LazyLoader does


def defer_imports(*names: str) -> None:
    """Load these modules (not packages) at their first use. Loaded modules are unchanged."""
    for name in names:
        sys.modules.setdefault(name, _DeferredModule(name))
