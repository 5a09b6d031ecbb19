"""Change calendars are open or closed.

CreateDocument and DeleteDocument for documents of the type ChangeCalendar, whose content is iCalendar 2.0 text, and
GetCalendarState: a calendar that is open by default (X-CALENDAR-TYPE:DEFAULT_OPEN) is CLOSED during its events, one
that is closed by default (DEFAULT_CLOSED) is OPEN during them; of several calendars the state is OPEN only if all are;
NextTransitionTime is when that changes ("GetCalendarState", Systems Manager API Reference; "AWS Systems Manager Change
Calendar", User Guide). The permission is asked for on each document.

The emulator knows none of the three. Events that come again (RRULE) are refused here, which AWS takes.
"""

import json
import re
import time
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from mending import wrap

INSTANT = re.compile(r"(\d{8})T(\d{6})(Z?)")


class Refused(Exception):
    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Calendar:
    """A change calendar: open or closed by default, the other way round during its events."""

    def __init__(self, content: str):
        lines = re.sub(r"\r?\n[ \t]", "", content).splitlines()
        if not lines or lines[0] != "BEGIN:VCALENDAR" or lines[-1] != "END:VCALENDAR" or "VERSION:2.0" not in lines:
            raise Refused("InvalidDocumentContent", "The content is not an iCalendar 2.0 object")
        kinds = [line.split(":")[1] for line in lines if line.startswith("X-CALENDAR-TYPE:")]
        if kinds not in (["DEFAULT_OPEN"], ["DEFAULT_CLOSED"]):
            raise Refused("InvalidDocumentContent", "X-CALENDAR-TYPE must be DEFAULT_OPEN or DEFAULT_CLOSED")
        self.open_by_default = kinds == ["DEFAULT_OPEN"]
        self.events = [event(block) for block in blocks(lines)]

    def is_open(self, at: float) -> bool:
        return self.open_by_default != any(start <= at < end for start, end in self.events)


def blocks(lines: list[str]) -> list[dict[str, str]]:
    """The properties of each event, by name with parameters."""
    found: list[dict[str, str]] = []
    inside = False
    for line in lines:
        if line == "BEGIN:VEVENT":
            inside = True
            found.append({})
        elif line == "END:VEVENT":
            inside = False
        elif inside:
            name, _, value = line.partition(":")
            found[-1][name] = value
    return found


def event(properties: dict[str, str]) -> tuple[float, float]:
    if any(name.startswith("RRULE") for name in properties):
        raise Refused("InvalidDocumentContent", "Events that come again are not emulated")
    start, end = instant(properties, "DTSTART"), instant(properties, "DTEND")
    if end <= start:
        raise Refused("InvalidDocumentContent", "An event ends before it begins")
    return start, end


def instant(properties: dict[str, str], wanted: str) -> float:
    for name, value in properties.items():
        match = INSTANT.fullmatch(value)
        if name.split(";")[0] == wanted and match:
            zone = re.search(r"TZID=([^;]+)", name)
            where = timezone.utc if match[3] or not zone else ZoneInfo(zone[1])
            return datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S").replace(tzinfo=where).timestamp()
    raise Refused("InvalidDocumentContent", f"An event has no {wanted}")


def moment(text: str | None) -> float:
    try:
        return time.time() if text is None else datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Refused("ValidationException", f"Invalid time, expected ISO 8601: {text}") from None


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def mend() -> None:
    from ministack.core import iam_actions
    from ministack.core.responses import AccountRegionScopedDict
    from ministack.services import ssm

    calendars = AccountRegionScopedDict()

    def create(data: dict) -> dict:
        name = data.get("Name", "")
        if not re.fullmatch(r"[a-zA-Z0-9_\-.]{3,128}", name):
            raise Refused("ValidationException", f"Invalid document name: {name}")
        if data.get("DocumentType") != "ChangeCalendar":
            raise Refused("InvalidDocumentContent", "Only documents of the type ChangeCalendar are emulated")
        if data.get("DocumentFormat") != "TEXT":
            raise Refused("InvalidDocumentContent", "A change calendar has the document format TEXT")
        if name in calendars:
            raise Refused("DocumentAlreadyExists", f"Document {name} already exists")
        calendars[name] = Calendar(data.get("Content", ""))
        described = {"Name": name, "DocumentType": "ChangeCalendar", "DocumentFormat": "TEXT", "Status": "Active"}
        return {"DocumentDescription": described}

    def delete(data: dict) -> dict:
        calendars.pop(find(data.get("Name", "")))
        return {}

    def state(data: dict) -> dict:
        names = data.get("CalendarNames") or []
        if not names:
            raise Refused("ValidationException", "CalendarNames: at least one calendar")
        asked = [calendars[find(name)] for name in names]
        at = moment(data.get("AtTime"))

        def all_open(when: float) -> bool:
            return all(calendar.is_open(when) for calendar in asked)

        edges = sorted({edge for calendar in asked for pair in calendar.events for edge in pair if edge > at})
        following = next((edge for edge in edges if all_open(edge) != all_open(at)), None)
        answer = {"State": "OPEN" if all_open(at) else "CLOSED", "AtTime": iso(at)}
        return answer if following is None else {**answer, "NextTransitionTime": iso(following)}

    def find(name_or_arn: str) -> str:
        name = name_or_arn.rsplit("/", 1)[-1]
        if name not in calendars:
            raise Refused("InvalidDocument", f"Document with name {name} does not exist.")
        return name

    actions = {"CreateDocument": create, "DeleteDocument": delete, "GetCalendarState": state}

    @wrap(ssm, "handle_request")
    async def handle_request(original, method, path, headers, body, query_params):
        act = actions.get(headers.get("x-amz-target", "").split(".")[-1])
        if act is None:
            return await original(method, path, headers, body, query_params)
        data = json.loads(body or b"{}")
        if act is state and (denied := not_allowed(headers, query_params, data)):
            return denied
        try:
            return ssm.json_response(act(data))
        except Refused as refused:
            return ssm.error_response_json(refused.code, str(refused), 400)

    @wrap(iam_actions, "extract_resource_arn")
    def extract_resource_arn(original, service, method, path, headers, body, query_params, region, account):
        if service == "ssm" and headers.get("x-amz-target", "").split(".")[-1] in actions:
            data = json.loads(body or b"{}")
            return document_arn(data.get("Name") or next(iter(data.get("CalendarNames") or []), "*"))
        return original(service, method, path, headers, body, query_params, region, account)


def document_arn(name_or_arn: str) -> str:
    from ministack.core.responses import get_account_id, get_region

    if name_or_arn.startswith("arn:"):
        return name_or_arn
    return f"arn:aws:ssm:{get_region()}:{get_account_id()}:document/{name_or_arn}"


def not_allowed(headers, query_params, data):
    """The refusal for the first calendar that the caller may not ask; None without enforced IAM."""
    from ministack import app

    for name in data.get("CalendarNames") or []:
        arn = document_arn(name)
        action = "ssm:GetCalendarState"
        if denied := app._enforce_data_plane("ssm", action, headers, query_params, "", resource_arn=arn):
            return denied
    return None
