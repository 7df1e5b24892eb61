"""What is wrong with the input of a run, field by field."""

from typing import Any

from services.errors import Invalid


class InputFault:
    """An English sentence with %(placeholders)s, which pages translate, and the parameter it speaks of ("" for the whole input)."""

    def __init__(self, message: str, name: str = "", **params: Any) -> None:
        self.message = message
        self.name = name
        self.params = params

    def __str__(self) -> str:
        return self.message % self.params if self.params else self.message

    def __repr__(self) -> str:
        return f"InputFault({self.name}: {self})"

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "message": str(self), "params": self.params}


class InvalidInput(Invalid):
    """The input of a run does not fit the script's parameters; `faults` says all that is wrong with it."""

    def __init__(self, faults: list[InputFault]) -> None:
        self.faults = faults
        listed = "; ".join(f"{fault.name}: {fault}" if fault.name else str(fault) for fault in faults)
        super().__init__("The input does not fit: %(faults)s", field=faults[0].name, faults=listed)
