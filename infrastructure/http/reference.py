"""`python -m infrastructure.http.reference` writes docs/api.md from /openapi.json; a test holds it to that."""

import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from infrastructure.http.app import VERSION, create
from infrastructure.http.schemas import describe

_HEAD = """# The interface over HTTP, version 1

Written from `/openapi.json` by `make api`; a test holds it to that. JSON; `Authorization: Bearer KEY`, and a key
belongs to one app group. Errors are problem details (RFC 9457), whose `code` is for programs. How the service is run:
[http.md](http.md).
"""


def write_markdown(openapi: dict[str, Any]) -> str:
    """The reference of all calls, by tag, and then of the shapes."""
    tags = defaultdict(list)
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            tags[operation["tags"][0]].append((method.upper(), path, operation))
    lines = [_HEAD]
    for tag, calls in tags.items():
        lines.append(f"## {tag.capitalize()}\n")
        for call in calls:
            lines += _describe_call(*call)
    lines.append("## Shapes\n")
    for name, schema in sorted(openapi["components"]["schemas"].items()):
        lines += _describe_shape(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _describe_call(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    yield operation.get("description") or operation["summary"] + "."
    yield ""
    for parameter in operation.get("parameters", ()):
        required = ", required" if parameter.get("required") else ""
        yield f"- `{parameter['name']}` ({parameter['in']}{required}): {parameter.get('description', '')}"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"- body, {media}: {_describe_type(content.get('schema', {}))}"
    for status, answer in operation.get("responses", {}).items():
        shapes = [_describe_type(each.get("schema", {})) for each in answer.get("content", {}).values()]
        shown = f": {', '.join(shapes)}" if any(shapes) and "problem" not in str(answer) else ""
        yield f"- {status} {answer['description']}{shown}"
    yield ""


def _describe_shape(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield " ".join(schema["description"].split()) + "\n"
    for field, each in schema.get("properties", {}).items():
        required = "" if field in schema.get("required", ()) else ", optional"
        about = f": {each['description']}" if "description" in each else ""
        yield f"- `{field}` ({_describe_type(each)}{required}){about}"
    yield ""


def _describe_type(schema: dict[str, Any]) -> str:
    """The type of a schema, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema or "const" in schema:
        return " | ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(_describe_type(each) for each in schema[several]))
    if schema.get("type") == "array":
        return f"list of {_describe_type(schema.get('items', {}))}"
    return str(schema.get("type", ""))


if __name__ == "__main__":
    sys.stdout.write(write_markdown(describe(create("sqlite:///nowhere.db"), VERSION)))
