"""What the mends of Step Functions share: executions that can be ended at any moment.

The emulator's interpreter blocks in sleeps and in calls, and looks at its execution's status only between states. Here
every place that blocks waits in a *scope*. Ending a scope wakes and unwinds all threads that wait in it or below it:
an execution has one, a Parallel or Map state has one for its branches, a task has one for its call. By itself this
changes nothing that can be seen; the mends say when a scope ends.
"""

import contextlib
import contextvars
import functools
import threading

from mending import existing, rewrite, wrap


class Ended(BaseException):
    """Unwinds a thread whose scope has ended. No state can catch it, so it is no Exception."""


class Scope:
    def __init__(self, parent: "Scope | None" = None):
        self._lock = threading.Lock()
        self._waiting: list[threading.Event] = []
        self._children: set[Scope] = set()
        self._parent = parent
        self.ended = False
        self.first_error: Exception | None = None
        if parent is not None:
            with parent._lock:
                parent._children.add(self)
            if parent.ended:
                self.end()

    def end(self) -> None:
        with self._lock:
            self.ended = True
            woken = [*self._waiting]
            children = [*self._children]
        for event in woken:
            event.set()
        for child in children:
            child.end()
        if self._parent is not None:
            with self._parent._lock:
                self._parent._children.discard(self)

    def fail(self, error: Exception) -> None:
        """Ends because of an error; the first one is kept."""
        with self._lock:
            if not self.ended:
                self.first_error = self.first_error or error
        self.end()

    def check(self) -> None:
        if self.ended:
            raise Ended

    def wait(self, event: threading.Event, seconds: float | None = None) -> bool:
        """Whether the event happened within the time. Raises Ended when the scope ends first."""
        with self._lock:
            if self.ended:
                raise Ended
            self._waiting.append(event)
        try:
            happened = event.wait(seconds)
        finally:
            with self._lock:
                self._waiting.remove(event)
        self.check()
        return happened

    @contextlib.contextmanager
    def entered(self):
        """Makes this the scope of the current thread."""
        token = _current.set(self)
        try:
            self.check()
            yield self
        finally:
            _current.reset(token)


_current: contextvars.ContextVar[Scope] = contextvars.ContextVar("scope", default=Scope())
_scopes: dict[str, Scope] = {}
_endings: dict[str, threading.Event] = {}
_lock = threading.Lock()


def current() -> Scope:
    return _current.get()


def end(arn: str) -> None:
    """Unwinds whatever still works on an execution."""
    if scope := _scopes.get(arn):
        scope.end()


def has_ended(arn: str) -> threading.Event:
    """Set once the execution is no longer running."""
    return _endings.setdefault(arn, threading.Event())


def claim(execution: dict) -> bool:
    """Whether the caller may end the execution: the first one may, so that it has one last status."""
    with _lock:
        free = execution["status"] == "RUNNING" and not execution.get("ending")
        execution["ending"] = True
        return free


def call(function, seconds: float | None = None):
    """The function's result, from a thread of its own that is left behind when its time is over or the scope ends.

    Left behind, not stopped: AWS does not stop what a task has called either. Raises TimeoutError.
    """
    scope, done, outcome = Scope(current()), threading.Event(), []

    def work() -> None:
        try:
            with scope.entered():
                outcome.append((function(), None))
        except BaseException as error:
            outcome.append((None, error))
        done.set()

    threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
    try:
        if not current().wait(done, seconds):
            raise TimeoutError
    finally:
        scope.end()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


@functools.cache
def install() -> None:
    from ministack.services import stepfunctions as sfn

    # A pause before every execution, which for nested ones adds up to seconds.
    rewrite(sfn, "_run_execution", ("    time.sleep(0.15)\n", ""))

    @wrap(sfn, "_run_execution")
    def _run_execution(original, arn):
        scope = _scopes[arn] = Scope()
        try:
            with scope.entered():
                original(arn)
        except Ended:
            pass
        finally:
            scope.end()
            _scopes.pop(arn, None)

    @wrap(sfn, "_emit_execution_status_event")
    def _emit_execution_status_event(original, execution):
        original(execution)
        if execution["status"] != "RUNNING":
            has_ended(execution["executionArn"]).set()

    @wrap(sfn, "_scaled_sleep")
    def _scaled_sleep(_original, seconds):
        scaled = seconds * sfn._SFN_WAIT_SCALE
        if scaled > 0:
            current().wait(threading.Event(), scaled)
        else:
            current().check()

    @wrap(sfn, "_add_event")
    def _add_event(original, *args):
        with _lock:  # ids count up: two branches must not take the same
            return original(*args)

    rewrite(
        sfn,
        "_execute_task",
        (
            """                task_result = _invoke_resource_with_timeout(
                    resource, effective, state_def["TimeoutSeconds"])
            else:
                task_result = _invoke_resource(resource, effective)
""",
            """                task_result = _invoke_resource_with_timeout(
                    resource, effective, _ms_seconds(state_def, "TimeoutSeconds", raw_input, ctx))
            else:
                task_result = _ms_call(lambda: _invoke_resource(resource, effective))
""",
        ),
        _ms_seconds=functools.partial(seconds_of, sfn),
        _ms_call=call,
    )

    @wrap(sfn, "_invoke_resource_with_timeout")
    def _invoke_resource_with_timeout(_original, resource, effective, seconds):
        try:
            return call(lambda: sfn._invoke_resource(resource, effective), seconds)
        except TimeoutError:
            raise sfn._ExecutionError("States.Timeout", f"Task timed out after {seconds} seconds") from None

    for name in ("_invoke_activity", "_invoke_with_callback"):
        rewrite(
            sfn,
            name,
            ("if not evt.wait(timeout=timeout):", "if not _ms_current().wait(evt, timeout):"),
            _ms_current=current,
        )


def seconds_of(sfn, state, field: str, raw_input, ctx) -> float:
    """TimeoutSeconds or HeartbeatSeconds, which in JSONata may be an expression."""
    existing(sfn, "_jsonata_state_field")
    if sfn._state_query_language(state, ctx) == "JSONata":
        return sfn._jsonata_state_field(state, field, "number", raw_input, ctx)
    return state[field]
