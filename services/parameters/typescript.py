"""The type of `context.input` for the editor."""

import json
from typing import Any

from services.parameters.values import Parameter

MAX_DEPTH = 6
_PLAIN = {"string": "string", "date": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null",
          "object": "Record<string, any>", "array": "any[]"}  # fmt: skip


def typescript(parameters: list[Parameter], name: str = "ScriptInput") -> str:
    """An interface with a member for each parameter; keys nobody declared are any. Without parameters the input is any."""
    if not parameters:
        return f"type {name} = any;\n"
    members = "".join(_member(parameter) for parameter in parameters)
    return f"interface {name} {{\n{members}  readonly [key: string]: any;\n}}\n"


def _member(parameter: Parameter) -> str:
    sure = parameter.get("required") or "default" in parameter
    return f"{_comment(parameter)}  readonly {parameter['name']}{'' if sure else '?'}: {_type(parameter)};\n"


def _comment(parameter: Parameter) -> str:
    said = [parameter["description"]] if "description" in parameter else []
    if "default" in parameter:
        said.append(f"@default {json.dumps(parameter['default'], ensure_ascii=False)}")
    # Nothing an author writes may end the comment it stands in.
    lines = " ".join("\n".join(said).replace("*/", "*∕").split())
    return f"  /** {lines} */\n" if lines else ""


def _type(parameter: Parameter) -> str:
    if parameter["type"] == "enum":
        return " | ".join(json.dumps(option, ensure_ascii=False) for option in parameter["options"])
    if "schema" in parameter:
        return _of_schema({"type": parameter["type"], **parameter["schema"]}, 0)
    return _PLAIN[parameter["type"]]


def _of_schema(schema: Any, depth: int) -> str:
    """As much of a JSON Schema as helps while typing; the check of a run goes by the schema itself."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH or "$ref" in schema:
        return "any"
    if "enum" in schema or "const" in schema:
        return " | ".join(_literal(choice) for choice in schema.get("enum", [schema.get("const")]))
    for either in ("anyOf", "oneOf"):
        if either in schema:
            return " | ".join(dict.fromkeys(_of_schema(each, depth + 1) for each in schema[either]))
    kinds = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else None)
    named = [kinds] if isinstance(kinds, str) else kinds or []
    return " | ".join(_of_kind(kind, schema, depth) for kind in named) or "any"


def _of_kind(kind: str, schema: dict[str, Any], depth: int) -> str:
    if kind == "array" and "items" in schema:
        return f"Array<{_of_schema(schema['items'], depth + 1)}>"
    if kind == "object" and "properties" in schema:
        required = schema.get("required", [])
        members = [f"{json.dumps(key, ensure_ascii=False)}{'' if key in required else '?'}: {_of_schema(each, depth + 1)}"
                   for key, each in schema["properties"].items()]  # fmt: skip
        rest = [] if schema.get("additionalProperties") is False else ["[key: string]: any"]
        return f"{{ {'; '.join([*members, *rest])} }}"
    return _PLAIN.get(kind, "any")


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if value is None or isinstance(value, str | int | float) else "any"
