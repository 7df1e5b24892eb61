"""What went wrong with a run, why, and what to do about it: every code of the product in the reader's language."""

from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _l


class ErrorText(NamedTuple):
    title: Any
    cause: Any
    cure: Any


TEXTS: dict[str, ErrorText] = {
    "SYNTAX_ERROR": ErrorText(
        _l("Syntax error"),
        _l("The code is not valid JavaScript, so nothing of it ran."),
        _l("Correct it at the line and column given; the editor marks the place."),
    ),
    "RUNTIME_ERROR": ErrorText(
        _l("Error in the script"),
        _l("The script threw an error and did not catch it."),
        _l("Read the message, open the first line of the stack, and handle the case there."),
    ),
    "TIMEOUT": ErrorText(
        _l("Time is up"),
        _l("The run took longer than its time limit. Waiting for answers counts, too."),
        _l("Do less in one run, wait for several calls at once with Promise.all, or raise the time limit."),
    ),
    "CPU_LIMIT": ErrorText(
        _l("Too much computing"),
        _l("The run used more processor time than it may: often a loop that does not end."),
        _l("Look for an endless loop, compute less, or raise the CPU limit."),
    ),
    "MEMORY_LIMIT": ErrorText(
        _l("Out of memory"),
        _l("Everything the script held at once outgrew the memory limit."),
        _l("Read and handle data in smaller portions, or raise the memory limit."),
    ),
    "API_CALL_LIMIT": ErrorText(
        _l("Too many API calls"),
        _l("The run made more sdk calls than it may."),
        _l("Ask for many rows in one call instead of one row in many, or raise the limit of API calls."),
    ),
    "OUTPUT_TOO_LARGE": ErrorText(
        _l("Output too large"),
        _l("The returned value is larger than the output limit."),
        _l("Return a summary instead of everything, or raise the output limit."),
    ),
    "RESULT_NOT_JSON": ErrorText(
        _l("Result is not JSON"),
        _l("The returned value holds something that JSON cannot express: a circle, a BigInt, or too many levels."),
        _l("Return plain objects, lists, text, numbers, true, false and null."),
    ),
    "ENGINE_CRASHED": ErrorText(
        _l("Engine stopped"),
        _l("The engine process died during the run; other runs were not affected."),
        _l("Run it again. If it happens each time, look for very large strings or lists."),
    ),
    "POOL_EXHAUSTED": ErrorText(
        _l("No engine was free"),
        _l("All engines were busy for longer than a run may wait."),
        _l("Try again later, spread schedules apart, or give the server more engines."),
    ),
    "CANCELLED": ErrorText(
        _l("Stopped"),
        _l("Somebody stopped the run. What it had done before stays done."),
        _l("Start it again when it is wanted."),
    ),
    "LOST": ErrorText(
        _l("Run was lost"),
        _l("The process that ran the script disappeared, for example in a restart."),
        _l("Runs of events and schedules are tried again by themselves; repeat other runs by hand."),
    ),
    "PERMISSION_DENIED": ErrorText(
        _l("Not allowed"),
        _l("The run may not do what it tried."),
        _l("Ask an administrator for the permission, or let somebody who has it run the script."),
    ),
    "INVALID_INPUT": ErrorText(
        _l("Input does not fit"),
        _l("The input does not fit the declared parameters, or a call was given values it cannot use."),
        _l("Compare the input with the parameters; the message names what is wrong."),
    ),
    "RATE_LIMITED": ErrorText(
        _l("Too fast"),
        _l("There were too many runs or calls within a minute."),
        _l("Wait a little; gather several calls into one, or ask for a higher limit."),
    ),
    "QUOTA_EXCEEDED": ErrorText(
        _l("Quota used up"),
        _l("The organization has begun as many runs as it may begin in a minute."),
        _l("Wait for the next minute. If this happens often, ask whoever runs this server for a higher limit."),
    ),
    "FEATURE_DISABLED": ErrorText(
        _l("Scripts are switched off"),
        _l("Running scripts is switched off on this server."),
        _l("Ask an administrator to switch it on."),
    ),
    "LOOP_GUARD": ErrorText(
        _l("Events in a circle"),
        _l("Events started runs that published events, and so on, too many times."),
        _l("Find the subscription that closes the circle and narrow its filter."),
    ),
    "HOST_UNAVAILABLE": ErrorText(
        _l("Service away"),
        _l("A service that scripts rely on, such as the cache or the database, did not answer."),
        _l("Try again in a moment; if it stays like this, tell an administrator."),
    ),
    "HTTP_BLOCKED": ErrorText(
        _l("Address not permitted"),
        _l("The address is private, internal or on the list of blocked ones."),
        _l("Call a public address, or ask an administrator to permit this one."),
    ),
    "HTTP_TIMEOUT": ErrorText(
        _l("Server did not answer"),
        _l("The other server did not answer in time."),
        _l("Set retries or a longer timeout for the call, or try again later."),
    ),
    "HTTP_TOO_LARGE": ErrorText(
        _l("Body too large"),
        _l("The body of the request or of the answer is larger than permitted."),
        _l("Ask the other server for less at a time, for example page by page."),
    ),
    "HTTP_FAILED": ErrorText(
        _l("HTTP request failed"),
        _l("The connection could not be made or broke off."),
        _l("Check the address and whether the other server works; set retries for the call."),
    ),
    "DB_FORBIDDEN": ErrorText(
        _l("Statement not allowed"),
        _l("The statement touches tables or uses commands that scripts may not use."),
        _l("Use the tables of the business database with SELECT, INSERT, UPDATE and DELETE."),
    ),
    "DB_TIMEOUT": ErrorText(
        _l("Statement took too long"),
        _l("The database did not finish the statement in time."),
        _l("Narrow the condition, read fewer rows, or have an index added."),
    ),
    "DB_ROW_LIMIT": ErrorText(
        _l("Too many rows"),
        _l("The statement reads or changes more rows than one statement may."),
        _l("Add a condition or a LIMIT, and go through the rows in portions."),
    ),
    "DB_FAILED": ErrorText(
        _l("Database refused"),
        _l("The database refused the statement: often a misspelt column or a value that does not fit."),
        _l("Check the statement and its values; the message says what the database objects to."),
    ),
    "SECRET_NOT_FOUND": ErrorText(
        _l("No such secret"),
        _l("The script asked for a secret that does not exist."),
        _l("Create the secret, or correct its name in the script."),
    ),
}  # fmt: skip
# A script may fail with a code of its own: error.code with sdk.Fatal and sdk.RetryAfter.
OTHER = ErrorText(
    _l("Error of the script’s own"),
    _l("The script failed with a code of its own."),
    _l("The message and the script itself say what it means."),
)


def error_text(code: str) -> ErrorText:
    return TEXTS.get(code, OTHER)
