"""A retry waits as long as it says.

The wait before a retry is IntervalSeconds times BackoffRate for each retry before it, without a limit unless
MaxDelaySeconds gives one; with JitterStrategy FULL it is a random time up to that ("Handling errors in Step Functions
workflows", Retrying after an error).

The emulator limits every wait to 60 seconds and knows neither MaxDelaySeconds nor JitterStrategy.
"""

import random

from mending import rewrite


def mend() -> None:
    from ministack.services import stepfunctions as sfn

    rewrite(
        sfn,
        "_execute_task",
        ("_scaled_sleep(min(sleep_sec, 60))", "_scaled_sleep(_ms_delay(retrier, sleep_sec))"),
        _ms_delay=delay,
    )
    rewrite(
        sfn,
        "_with_retry_and_catch",
        (
            '_scaled_sleep(min(interval * (retrier.get("BackoffRate", 2.0) ** count), 60))',
            '_scaled_sleep(_ms_delay(retrier, interval * (retrier.get("BackoffRate", 2.0) ** count)))',
        ),
    )


def delay(retrier: dict, seconds: float) -> float:
    longest = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    return random.uniform(0, longest) if retrier.get("JitterStrategy") == "FULL" else longest
