"""Answers that come when a test says so: what is done meanwhile can be seen to count."""

from playwright.sync_api import Page, Route


class Held:
    """Requests to addresses like this wait until they are let go."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.page, self.waiting, self.is_open = page, list[Route](), False
        page.route(pattern, self._arrived)

    def _arrived(self, route: Route) -> None:
        if self.is_open:
            route.continue_()
        else:
            self.waiting.append(route)

    def expect(self, count: int) -> None:
        for _ in range(800):
            if len(self.waiting) == count:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{len(self.waiting)} requests, not {count}")

    def let_go(self) -> None:
        self.is_open = True
        for route in self.waiting:
            route.continue_()
