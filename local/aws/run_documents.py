"""What a host does with a document of Systems Manager: the rules of its agent, on a host of this machine.

Read or observed at AWS; test/local/aws/ssm_commands.test.ts has a row for each rule with its source. Only documents of schema 2.2 in
JSON whose steps are aws:runShellScript are run; others are refused when they are made.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field

STDOUT, STDERR, OUTPUT = 24_000, 8_000, 2_500
KILLED, REBOOT = 137, 194
SIZE = 64 * 1024


class InvalidDocument(Exception):
    """The words are for InvalidDocumentContent."""


class InvalidParameters(Exception):
    pass


def parse(content: str) -> dict:
    """The document, as far as the service looks at it when it is made."""
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        raise InvalidDocument(f"JSON not well-formed. {error}") from None
    if not isinstance(document, dict) or document.get("schemaVersion") != "2.2":
        raise InvalidDocument("Only documents of schemaVersion 2.2 are emulated")
    steps = document.get("mainSteps")
    if not isinstance(steps, list) or not steps:
        raise InvalidDocument("mainSteps: a document has at least one step")
    for step in steps:
        if step.get("action") != "aws:runShellScript":
            raise InvalidDocument(f"Only aws:runShellScript is emulated, not {step.get('action')}")
        if not re.fullmatch(r"[a-zA-Z0-9_\-]{3,128}", step.get("name", "")):
            raise InvalidDocument("A step has a name")
        commands = step.get("inputs", {}).get("runCommand")
        if not isinstance(commands, (list, str)) or not commands:
            raise InvalidDocument(f"runCommand of {step['name']}: a list of commands")
        if any(not isinstance(step[key], str) for key in ("onFailure", "onSuccess") if key in step):
            raise InvalidDocument(f"onFailure and onSuccess of {step['name']}: a word")
    if len({step["name"] for step in steps}) < len(steps):
        raise InvalidDocument("Two steps have one name")
    for name, parameter in document.get("parameters", {}).items():
        if parameter.get("type") not in ("String", "StringList"):
            raise InvalidDocument(f"Only parameters of the types String and StringList are emulated: {name}")
        if parameter.get("interpolationType", "DEFAULT") not in ("DEFAULT", "ENV_VAR"):
            raise InvalidDocument(f"interpolationType of {name}: DEFAULT or ENV_VAR")
    for name in re.findall(r"\{\{ *([\w.:\-]+) *\}\}", json.dumps(steps)):
        if not name.startswith(("ssm:", "global:", "platformType")) and name not in document.get("parameters", {}):
            raise InvalidDocument(f"Parameter {name} is not defined in the document")
    return document


def values(document: dict, given: dict) -> dict:
    """Each parameter's value, given or by default. A pattern is looked for anywhere in it; allowedValues are not looked at."""
    declared = document.get("parameters", {})
    for name in given:
        if name not in declared:
            raise InvalidParameters(f"Parameters not defined in the document: {name}")
    found = {}
    for name, parameter in declared.items():
        value = given.get(name)
        if parameter["type"] == "String":
            if value is None and "default" not in parameter:
                raise InvalidParameters(f"Parameter {name} requires a value")
            if value is not None and len(value) != 1:
                raise InvalidParameters(f"Parameter {name} is a String: one value")
            found[name] = parameter["default"] if value is None else value[0]
        else:
            found[name] = parameter.get("default", []) if value is None else value
        for one in [found[name]] if isinstance(found[name], str) else found[name]:
            if "allowedPattern" in parameter and not re.search(parameter["allowedPattern"], one):
                raise InvalidParameters(f"Parameter {name} does not match its pattern {parameter['allowedPattern']}")
    return found


@dataclass
class Step:
    """How one step stands or came out."""

    name: str
    status: str = "Pending"
    details: str = "Pending"
    code: int = -1
    stdout: str = ""
    stderr: str = ""
    started: float | None = None
    ended: float | None = None

    @property
    def output(self) -> str:
        """What the lists of the API show of both: what is longer is cut."""
        title = "\n----------ERROR-------\n" if self.stderr else ""
        if len(self.stdout) + len(title) + len(self.stderr) <= OUTPUT:
            return self.stdout + title + self.stderr
        cut_out, cut_error = "\n---Output truncated---", "\n---Error truncated----"
        room = OUTPUT - len(title)
        if not self.stderr:
            return self.stdout[: room - len(cut_out)] + cut_out
        half = room // 2
        out = self.stdout if len(self.stdout) <= half else self.stdout[: half - len(cut_out)] + cut_out
        rest = room - len(out)
        error = self.stderr if len(self.stderr) <= rest else self.stderr[: rest - len(cut_error)] + cut_error
        return out + title + error


@dataclass
class Work:
    """A document at work on a host. `cancel` may be called from any thread."""

    document: dict
    values: dict
    enter: list[str]
    instance: str
    platform: str = "Linux"
    steps: list[Step] = field(default_factory=list)
    cancelled: bool = False
    _process: subprocess.Popen | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self):
        self.steps = [Step(step["name"]) for step in self.document["mainSteps"]]

    def cancel(self) -> None:
        with self._lock:
            self.cancelled = True
            kill(self._process)

    def run(self) -> tuple[str, str]:
        """Runs all steps; answers status and details of the whole."""
        leaving = False
        for step, found in zip(self.document["mainSteps"], self.steps):
            if leaving and not step.get("finallyStep"):
                found.status, found.details, found.code = "Success", "Skipped", 0
                continue
            if self.cancelled:
                found.status = found.details = "Cancelled"
                continue
            wanted = (step.get("precondition") or {}).get("StringEquals")
            if wanted and set(wanted) != {"platformType", self.platform}:
                found.status, found.details, found.code = "Success", "Skipped", 0
                found.started = found.ended = time.time()
                found.stdout = f"Step execution skipped due to unmet preconditions: '{wanted}'. Step name: {found.name}"
                continue
            self.run_step(step, found)
            if found.status == "Failed" and step.get("onFailure") == "successAndExit":
                found.status = found.details = "Success"
                leaving = True
            elif found.status != "Success":
                leaving = leaving or step.get("onFailure") == "exit"
            else:
                leaving = leaving or step.get("onSuccess") == "exit"
        for status, details in (
            ("Failed", "Failed"),
            ("TimedOut", "Execution Timed Out"),
            ("Cancelled", "Cancelled"),
        ):
            if any(found.status == status for found in self.steps):
                return status, details
        return "Success", "Success"

    def run_step(self, step: dict, found: Step) -> None:
        commands = step["inputs"]["runCommand"]
        script = commands if isinstance(commands, str) else "\n".join(commands)
        seconds = float(step["inputs"].get("timeoutSeconds", 3600))
        found.status, found.details, found.started = "InProgress", "In Progress", time.time()
        # After exit 194 a host is started anew and the step runs again; here it runs again without.
        for _ in range(3):
            code, timed_out, found.stdout, found.stderr = self.execute(script, seconds)
            if code != REBOOT:
                break
        found.code, found.ended = code, time.time()
        if timed_out:
            found.status, found.details = "TimedOut", "Execution Timed Out"
        elif self.cancelled:
            found.status = found.details = "Cancelled"
        else:
            found.status = found.details = "Success" if code == 0 else "Failed"

    def execute(self, script: str, seconds: float) -> tuple[int, bool, str, str]:
        environment = {
            "PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin",
            "HOME": "/root",
            "AWS_SSM_INSTANCE_ID": self.instance,
        }
        for name, value in self.values.items():
            text = value if isinstance(value, str) else json.dumps(value)
            if self.document["parameters"][name].get("interpolationType") == "ENV_VAR":
                environment[f"SSM_{name}"] = text
                text = "${SSM_%s}" % name
            script = re.sub(r"\{\{ *%s *\}\}" % re.escape(name), lambda _: text, script)
        # The agent writes the script to a file and has a shell start that: without a first line that names another, sh runs it.
        keep = 'f=$(mktemp -d)/_script.sh; cat >"$f"; chmod 700 "$f"; exec sh -c "$f" </dev/null'
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
            with self._lock:
                if self.cancelled:
                    return KILLED, False, "", ""
                self._process = subprocess.Popen(
                    [*self.enter, "sh", "-c", keep],
                    **{"stdin": subprocess.PIPE, "stdout": out, "stderr": error, "env": environment},
                    **{"cwd": "/", "start_new_session": True},
                )
            timed_out = False
            try:
                self._process.communicate(script.encode(), timeout=seconds)
            except subprocess.TimeoutExpired:
                timed_out = True
                kill(self._process)
                self._process.wait()
            except BrokenPipeError:
                self._process.wait()
            code = self._process.returncode
            code = KILLED if timed_out or code < 0 else code
            stdout, stderr = text_of(out, STDOUT), text_of(error, STDERR)
        if code:
            stderr += f"failed to run commands: exit status {code}"
        return code, timed_out, stdout, stderr[:STDERR]


def kill(process: subprocess.Popen | None) -> None:
    """The shell's process group: what it started in groups of their own goes on."""
    if process is not None and process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def text_of(file, limit: int) -> str:
    """The first characters; what follows is dropped."""
    file.seek(0)
    return file.read(limit * 4).decode(errors="replace")[:limit]
