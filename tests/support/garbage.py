"""What was imported and collected is never garbage: looking through all of it again and again takes a tenth of a test process' time."""

import gc

gc.disable()  # until all is there; the process that only hands tests to others makes no garbage worth looking for


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
