#!/usr/bin/env python3
"""Validates report files with validators that are not the project's own.

    validate-outputs.py FILE...

A file is checked by its extension: `.sarif` against the published SARIF schema, `.xml` against Jenkins' JUnit schema,
`.json` against `docs/report.schema.json`. Needs `jsonschema` and one of `lxml`, `xmlschema` or the program xmllint:
`pip install -r scripts/validators.txt`.

Exit status 0 if every file is valid, 1 if one is not, 3 if a validator that is needed is absent.
"""
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "tests" / "schemas"
JSON_SCHEMAS = {".sarif": SCHEMAS / "sarif-2.1.0.json", ".json": ROOT / "docs" / "report.schema.json"}
JUNIT = SCHEMAS / "junit-10.xsd"
SHOWN = 5


class Absent(Exception):
    """No validator for a kind of file."""


def module(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def json_problems(path):
    jsonschema = module("jsonschema")
    if jsonschema is None:
        raise Absent("jsonschema")
    schema = json.loads(JSON_SCHEMAS[path.suffix].read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    formats = validator.FORMAT_CHECKER
    value = json.loads(path.read_text(encoding="utf-8"))
    errors = validator(schema, format_checker=formats).iter_errors(value)
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]


def xml_problems(path):
    etree = module("lxml.etree")
    if etree is not None:
        # No entities, no network: what is checked may be hostile.
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
        try:
            tree = etree.parse(str(path), parser)
        except etree.XMLSyntaxError as error:
            return [str(error)]
        schema = etree.XMLSchema(etree.parse(str(JUNIT)))
        return [] if schema.validate(tree) else [str(error) for error in schema.error_log]
    xmlschema = module("xmlschema")
    if xmlschema is not None:
        schema = xmlschema.XMLSchema(str(JUNIT))
        return [str(error.reason) for error in schema.iter_errors(str(path))]
    if shutil.which("xmllint"):
        command = ["xmllint", "--nonet", "--noout", "--schema", str(JUNIT), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return [] if done.returncode == 0 else done.stderr.splitlines()
    raise Absent("lxml, xmlschema or xmllint")


def main(names):
    if not names:
        print(__doc__.strip())
        return 2
    invalid = 0
    for name in names:
        path = Path(name)
        try:
            if path.suffix in JSON_SCHEMAS:
                problems = json_problems(path)
            elif path.suffix == ".xml":
                problems = xml_problems(path)
            else:
                problems = [f"nothing is known about {path.suffix or 'a file without extension'}"]
        except Absent as absent:
            print(f"not checked: needs {absent}; pip install -r scripts/validators.txt")
            return 3
        except ValueError as error:
            problems = [f"cannot be read: {error}"]
        invalid += bool(problems)
        print(f"{path.name}: {'valid' if not problems else f'{len(problems)} problems'}")
        for problem in problems[:SHOWN]:
            print(f"  {problem!r}")
    return 1 if invalid else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
