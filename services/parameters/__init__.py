"""What a script is given: parameters are declared once, and make the input form, the editor's types and every run's check.

A parameter is `{name, type, required, default, description, min, max, min_length, max_length, pattern, options, schema}`; only
name and type are needed, and what is not said is not there.
"""

from services.parameters.declarations import MAX_PARAMETERS, RULES, TYPES, check_declarations
from services.parameters.faults import InputFault, InvalidInput
from services.parameters.forms import FormInput, from_form, parse_json, read
from services.parameters.typescript import typescript
from services.parameters.values import apply

__all__ = ["MAX_PARAMETERS", "RULES", "TYPES", "FormInput", "InputFault", "InvalidInput", "apply", "check_declarations",
           "from_form", "parse_json", "read", "typescript"]  # fmt: skip
