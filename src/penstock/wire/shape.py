"""What the generated types and the catalog are made of."""

from typing import ClassVar

from msgspec import Struct


class Concealing(Struct, frozen=True):
    """A structure that holds secrets: what is printed of it shows that they are there, never what they are."""

    CONCEALED: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = (f"{name}={self._shown(name)}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        return "<hidden>" if name in self.CONCEALED and value is not None else repr(value)


class Operation(Struct, frozen=True):
    """One operation of the API; `function` is its name in snake case."""

    name: str
    function: str
    input: type[Struct]
    output: type[Struct] | None
    errors: frozenset[str]
