"""What the parts of the demo evidence share: names, dates, and random values that never change."""

import datetime as dt
import hashlib

ACCOUNT = "111122223333"
HOME, GLOBAL = "eu-west-1", "us-east-1"
UTC = dt.timezone.utc
FIRST, LAST = dt.date(2026, 3, 2), dt.date(2026, 9, 1)
AS_OF = dt.datetime(2026, 9, 1, 6, 12, 7, tzinfo=UTC)
# Deliveries of one weekend failed: the logs have no file of these days.
LOST = {dt.date(2026, 4, 4), dt.date(2026, 4, 5)}
SUMMER = dt.date(2026, 3, 29)
PARTNER_KEY, OLD_KEY = "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"
KEY = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
GITHUB_HOST = "token.actions.githubusercontent.com"
GITHUB = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB_HOST}"
SUBJECT = "repo:example-shop/shop:ref:refs/heads/main"
SAML = f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_4f1c9a7be02d6835_DO_NOT_DELETE"
TRAIL = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/account-trail"
SECRETS = {
    "reports/db": "Xk3Pqa",
    "reports/warehouse": "b7TzQm",
    "finance/payroll-export": "mN9wLd",
}
OFFICE, RUNNERS, TASKS = "192.0.2.{}", "198.51.100.{}", "203.0.113.{}"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Draw:
    """Random values that depend on nothing but how many were drawn before."""

    def __init__(self, seed):
        self.seed, self.count = seed, 0

    def number(self, below):
        self.count += 1
        digest = hashlib.sha256(f"{self.seed}:{self.count}".encode()).digest()
        return int.from_bytes(digest, "big") % below

    def text(self, length, letters):
        return "".join(letters[self.number(len(letters))] for _ in range(length))

    def hex(self, length):
        return f"{self.number(16 ** length):0{length}x}"

    def guid(self):
        text = self.hex(32)
        variant = "89ab"[int(text[16], 16) % 4]
        parts = (text[:8], text[8:12], "4" + text[13:16], variant + text[17:20], text[20:])
        return "-".join(parts)


draw = Draw("authgap demo 1")
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def unique_id(prefix, name):
    """An IAM unique id, the same for the same name."""
    return prefix + Draw(name).text(10, UPPER) + "EXAMPLE"


def session_key():
    return "ASIA" + draw.text(9, UPPER) + "EXAMPLE"


def at(day, hour, minute=0, second=None):
    second = draw.number(60) if second is None else second
    return dt.datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)


def london(day, hour, minute, second=None):
    return at(day, hour, minute, second) - dt.timedelta(hours=1 if day >= SUMMER else 0)


def iso(time, zone="Z"):
    return time.strftime("%Y-%m-%dT%H:%M:%S") + zone
