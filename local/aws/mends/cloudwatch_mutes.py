"""Alarms can be muted for a while.

PutAlarmMuteRule, GetAlarmMuteRule, DeleteAlarmMuteRule and ListAlarmMuteRules as the API Reference has them: at most 100
alarms, each of which exists; at(yyyy-MM-ddThh:mm) or cron(minutes hours day-of-month month day-of-week) with characters
* - and ,; a duration of one minute to 15 days; no StartDate or ExpireDate beside at(), and whole minutes beside cron().
While a rule is ACTIVE the actions of its alarms are muted; when it ends and an alarm is still in the state whose action
was muted, the action follows ("Alarm Mute Rules", CloudWatch User Guide). PutAlarmMuteRule needs its permission on the
rule and on each alarm.

The emulator knows none of the four.
"""

import contextvars
import json
import re
import threading
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mending import wrap

DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
# Minutes, hours, day of month, month, day of week: least and greatest value, names from the least one on.
FIELDS = (
    (0, 59, ""),
    (0, 23, ""),
    (1, 31, ""),
    (1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"),
    (0, 6, "SUN MON TUE WED THU FRI SAT"),
)


class Refused(Exception):
    def __init__(self, message: str, code: str = "ValidationError", status: int = 400):
        super().__init__(message)
        self.code, self.status = code, status


class Rule:
    """A mute rule as it was put, with its schedule read."""

    def __init__(self, data: dict, account: str, region: str):
        self.data = data
        self.arn = f"arn:aws:cloudwatch:{region}:{account}:alarm-mute-rule:{data['Name']}"
        self.updated = time.time()
        schedule = data["Rule"]["Schedule"]
        self.once = schedule["Expression"].startswith("at(")
        self.zone = zone(schedule.get("Timezone", "UTC"))
        self.duration = duration(schedule["Duration"])
        match = re.fullmatch(r"(at|cron)\((.*)\)", schedule["Expression"])
        if not match:
            raise Refused(f"Invalid schedule expression: {schedule['Expression']}")
        self.at = at(match[2], self.zone) if self.once else None
        self.cron = None if self.once else cron(match[2])
        for field in ("StartDate", "ExpireDate"):
            if data.get(field) is None:
                continue
            if self.once:
                raise Refused(f"{field} must not be set when the schedule is an at expression")
            if data[field] % 60:
                raise Refused(f"{field} must be a whole minute")

    @property
    def alarms(self) -> list[str]:
        return (self.data.get("MuteTargets") or {}).get("AlarmNames", [])

    def muted_until(self, now: float) -> float | None:
        """When the window ends that is open now, in seconds since the epoch; None when none is."""
        if now < (self.data.get("StartDate") or 0):
            return None
        expires = self.data.get("ExpireDate") or float("inf")
        begun = self.begun(now)
        end = begun is not None and min(begun + self.duration, expires)
        return end if end and now < end else None

    def begun(self, now: float) -> float | None:
        """The latest beginning of a window that reaches until now."""
        if self.once:
            return self.at if self.at <= now < self.at + self.duration else None
        minute = datetime.fromtimestamp(now, self.zone).replace(second=0, microsecond=0)
        for back in range(int(self.duration // 60) + 1):
            moment = (minute.astimezone(timezone.utc) - timedelta(minutes=back)).astimezone(self.zone)
            if moment.timestamp() + self.duration > now and self.falls_on(moment):
                return moment.timestamp()
        return None

    def falls_on(self, moment: datetime) -> bool:
        values = (moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
        return all(value in allowed for value, allowed in zip(values, self.cron, strict=True))

    def status(self, now: float) -> str:
        if self.muted_until(now) is not None:
            return "ACTIVE"
        over = self.at + self.duration if self.once else self.data.get("ExpireDate") or float("inf")
        return "EXPIRED" if now >= over else "SCHEDULED"

    def summary(self, now: float) -> dict:
        described = {
            "AlarmMuteRuleArn": self.arn,
            "ExpireDate": self.data.get("ExpireDate"),
            "Status": self.status(now),
            "MuteType": "ONE_TIME" if self.once else "RECURRING",
            "LastUpdatedTimestamp": self.updated,
        }
        return {key: value for key, value in described.items() if value is not None}

    def description(self, now: float) -> dict:
        kept = {
            key: self.data[key]
            for key in ("Name", "Description", "Rule", "MuteTargets", "StartDate")
            if key in self.data
        }
        return {**kept, **self.summary(now)}


def zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Refused(f"Invalid timezone: {name}") from None


def duration(text: str) -> float:
    """Seconds of an ISO 8601 duration from PT1M to P15D."""
    match = DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise Refused(f"Invalid duration: {text}")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
    if not 60 <= total <= 15 * 86_400:
        raise Refused(f"The duration must be between PT1M and P15D: {text}")
    return total


def at(text: str, where: ZoneInfo) -> float:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", text):
        raise Refused(f"Invalid at expression, expected at(yyyy-MM-ddThh:mm): at({text})")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=where).timestamp()
    except ValueError:
        raise Refused(f"Invalid at expression: at({text})") from None


def cron(text: str) -> list[set[int]]:
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise Refused(f"Invalid cron expression, expected five fields: cron({text})")
    return [values(field, *limits) for field, limits in zip(fields, FIELDS, strict=True)]


def values(field: str, least: int, greatest: int, names: str) -> set[int]:
    if field == "*":
        return set(range(least, greatest + 1))

    def number(part: str) -> int:
        if part.upper() in names.split():
            return names.split().index(part.upper()) + least
        if part.isdigit() and least <= int(part) <= greatest:
            return int(part)
        raise Refused(f"Invalid cron expression at {field}")

    found: set[int] = set()
    for part in field.split(","):
        first, dash, last = part.partition("-")
        low, high = number(first), number(last) if dash else number(first)
        if low > high:
            raise Refused(f"Invalid cron expression at {field}")
        found.update(range(low, high + 1))
    return found


def mend() -> None:
    from ministack.core import iam_actions
    from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
    from ministack.services import cloudwatch

    rules = AccountRegionScopedDict()
    muted: dict[str, tuple] = {}

    def put(data: dict) -> dict:
        text(data, "Name", 255)
        names = (data.get("MuteTargets") or {}).get("AlarmNames", [])
        if len(names) > 100:
            raise Refused("MuteTargets.AlarmNames: Member must have length less than or equal to 100")
        for field in ("Expression", "Duration"):
            text((data.get("Rule") or {}).get("Schedule") or {}, field, 256)
        for name in names:
            if name not in cloudwatch._alarms and name not in cloudwatch._composite_alarms:
                raise Refused(f"Alarm does not exist: {name}")
        rules[data["Name"]] = Rule(data, get_account_id(), get_region())
        settle()
        return {}

    def get(data: dict) -> dict:
        name = text(data, "AlarmMuteRuleName", 255)
        if name not in rules:
            raise Refused(f"Alarm mute rule {name} does not exist", "ResourceNotFoundException", 404)
        return rules[name].description(time.time())

    def delete(data: dict) -> dict:
        rules.pop(text(data, "AlarmMuteRuleName", 255), None)
        settle()
        return {}

    def list_(data: dict) -> dict:
        now = time.time()
        found = [
            rule.summary(now)
            for _name, rule in sorted(rules.items())
            if data.get("AlarmName") in (None, *rule.alarms)
            and rule.status(now) in (data.get("Statuses") or ("SCHEDULED", "ACTIVE", "EXPIRED"))
        ]
        start, size = int(data.get("NextToken") or 0), int(data.get("MaxRecords") or 50)
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {"AlarmMuteRuleSummaries": found[start : start + size], **more}

    def muted_until(alarm: str) -> float | None:
        now = time.time()
        ends = [rule.muted_until(now) for rule in rules.values() if alarm in rule.alarms]
        return max((end for end in ends if end is not None), default=None)

    def settle() -> None:
        """Does what was muted for alarms that no rule mutes any more; the others are looked at when their window ends."""
        for name, (alarm, old, new, reason) in list(muted.items()):
            until = muted_until(name)
            if until is not None:
                timer = threading.Timer(until - time.time(), contextvars.copy_context().run, (settle,))
                timer.daemon = True
                timer.start()
            elif muted.pop(name, None) and alarm.get("StateValue") == new:
                cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)

    @wrap(cloudwatch, "_dispatch_alarm_actions")
    def _dispatch_alarm_actions(original, alarm, old, new, reason):
        name = alarm["AlarmName"]
        if muted_until(name) is None:
            muted.pop(name, None)
            original(alarm, old, new, reason)
        else:
            muted[name] = (alarm, old, new, reason)
            settle()

    actions = {
        "PutAlarmMuteRule": put,
        "GetAlarmMuteRule": get,
        "DeleteAlarmMuteRule": delete,
        "ListAlarmMuteRules": list_,
    }

    @wrap(cloudwatch, "handle_request")
    async def handle_request(original, method, path, headers, body, query_params):
        act = actions.get(headers.get("x-amz-target", "").split(".")[-1])
        if act is None:
            return await original(method, path, headers, body, query_params)
        data = json.loads(body or b"{}")
        if act is put and (denied := not_allowed(headers, query_params, data)):
            return denied
        try:
            return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(act(data)).encode()
        except Refused as refused:
            return cloudwatch._error(refused.code, str(refused), refused.status, use_json=True)

    @wrap(iam_actions, "extract_resource_arn")
    def extract_resource_arn(original, service, method, path, headers, body, query_params, region, account):
        if service == "monitoring" and "AlarmMuteRule" in headers.get("x-amz-target", ""):
            data = json.loads(body or b"{}")
            name = data.get("Name") or data.get("AlarmMuteRuleName") or "*"
            return f"arn:aws:cloudwatch:{region}:{account}:alarm-mute-rule:{name}"
        return original(service, method, path, headers, body, query_params, region, account)


def not_allowed(headers, query_params, data):
    """The refusal for the first alarm that the caller may not mute; None without enforced IAM."""
    from ministack import app
    from ministack.core.responses import get_account_id, get_region

    for name in (data.get("MuteTargets") or {}).get("AlarmNames", []):
        arn = f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"
        action = "cloudwatch:PutAlarmMuteRule"
        if denied := app._enforce_data_plane("monitoring", action, headers, query_params, "", resource_arn=arn):
            return denied
    return None


def text(data: dict, field: str, longest: int) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise Refused(f"{field}: must be a text of 1 to {longest} characters")
    return value
