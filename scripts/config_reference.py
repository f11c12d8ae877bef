#!/usr/bin/env python3
"""The reference of all config keys, docs/config.md, from the JSON Schema.

  reluscope schema | scripts/config_reference.py > docs/config.md
"""
import json
import sys


def type_words(schema):
    """What a value may be, in words."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_words(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"]).replace("|", "\\|")
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        count = schema.get("maxItems")
        return f"list of {count} {schema['items']['type']}s" if count else "list"
    bounds = []
    for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")):
        if key in schema and schema[key] != 2**63 - 1:
            bounds.append(f"{sign} {schema[key]}")
    return " ".join([kind, ", ".join(bounds)]).strip()


def is_choice(schema):
    return "anyOf" in schema and any("properties" in one for one in schema["anyOf"])


def rows(properties, skip):
    for key, schema in properties.items():
        if key in skip or is_choice(schema) or "properties" in schema or is_choice(schema.get("items", {})):
            continue
        default = json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else "**required**"
        yield f"| `{key}` | {type_words(schema)} | {default} | {schema.get('description', '')} |"


def table(properties, skip=()):
    lines = list(rows(properties, skip))
    if lines:
        print("| key | takes | default | |\n|---|---|---|---|")
        print("\n".join(lines) + "\n")


def discriminator(option):
    for key, schema in option["properties"].items():
        if key in ("name", "kind", "type") and "enum" in schema:
            return key, schema["enum"]
    raise ValueError("an option without a name")


def section(path, schema, level):
    print(f"{'#' * level} `{path}`\n\n{schema.get('description', '').strip()}.\n")
    if is_choice(schema):
        options = [one for one in schema["anyOf"] if "properties" in one]
        if any("enum" in one for one in schema["anyOf"]):
            print(f"A name alone, or an object with `name` and settings. Default: `{schema.get('default', 'none')}`.\n")
        common = set.intersection(*(set(one["properties"]) for one in options)) if path == "data" else set()
        if common - {"kind"}:
            print("Every kind has:\n")
            table({key: options[0]["properties"][key] for key in options[0]["properties"] if key in common - {"kind"}})
        for option in options:
            key, names = discriminator(option)
            also = f" (also {', '.join(f'`{name}`' for name in names[1:])})" if len(names) > 1 else ""
            print(f"**`{names[0]}`**{also}: {option['description']}\n")
            table(option["properties"], {key} | common)
            nested(path, option["properties"], level + 1)
        return
    table(schema["properties"])
    nested(path, schema["properties"], level + 1)


def nested(path, properties, level):
    for key, schema in properties.items():
        here = f"{path}.{key}"
        if is_choice(schema) or "properties" in schema:
            section(here, schema, level)
        elif is_choice(schema.get("items", {})):
            items = dict(schema["items"], description=schema["description"])
            section(f"{here}[]", items, level)


def main():
    schema = json.load(sys.stdin)
    print("# Config reference\n\nMade from the schema: `reluscope schema | scripts/config_reference.py > docs/config.md`. "
          "Comments (`//`, `/* */`) are allowed, unknown and repeated keys are not. `reluscope run CONFIG "
          "--print-config` shows a config with every default filled in.\n")
    print("## Top level\n")
    table(schema["properties"])
    for key, one in schema["properties"].items():
        if is_choice(one) or "properties" in one:
            section(key, one, 2)


main()
