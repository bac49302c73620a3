"""What people work a page with: a mouse, or a keyboard and nothing else."""

from pathlib import Path
from typing import Protocol

from playwright.sync_api import Error, Locator, expect

MOST = 400
"""Presses of Tab until something is taken for out of reach."""
CHOOSER_MS = 10_000
HAS_FOCUS = """
it => it === document.activeElement && {
    seen: getComputedStyle(it).outlineStyle !== "none" || getComputedStyle(it).boxShadow !== "none",
}
"""


class Hands(Protocol):
    """Does to a page what a person would."""

    def press(self, target: Locator) -> None:
        """Follow a link, press a button, open what is folded."""

    def tick(self, box: Locator) -> None:
        """Tick a box that is not ticked."""

    def fill(self, field: Locator, text: str) -> None:
        """Write a text in place of what stands in a field."""

    def choose(self, field: Locator, label: str) -> None:
        """Choose what a list offers under a label."""

    def attach(self, field: Locator, file: Path) -> None:
        """Choose a file."""


class Mouse:
    """Clicks wherever something is."""

    def press(self, target: Locator) -> None:
        target.click()

    def tick(self, box: Locator) -> None:
        box.check()

    def fill(self, field: Locator, text: str) -> None:
        field.fill(text)

    def choose(self, field: Locator, label: str) -> None:
        field.select_option(label=label)

    def attach(self, field: Locator, file: Path) -> None:
        field.set_input_files(file)


class Keyboard:
    """Comes to everything with Tab, and must see where it is."""

    def press(self, target: Locator) -> None:
        reach(target)
        target.page.keyboard.press("Enter")

    def tick(self, box: Locator) -> None:
        reach(box)
        box.page.keyboard.press("Space")
        expect(box).to_be_checked()

    def fill(self, field: Locator, text: str) -> None:
        reach(field)
        field.page.keyboard.press("Control+A")
        field.page.keyboard.type(text)

    def choose(self, field: Locator, label: str) -> None:
        """Write the first word, as lists jump to what begins so."""
        reach(field)
        field.page.keyboard.type(label.split(maxsplit=1)[0])
        expect(field.locator("option:checked")).to_have_text(label)

    def attach(self, field: Locator, file: Path) -> None:
        """Press Enter until the browser asks for a file: a busy machine may lose one."""
        for last in (False, False, True):
            reach(field)
            try:
                with field.page.expect_file_chooser(timeout=CHOOSER_MS) as chooser:
                    field.page.keyboard.press("Enter")
            except Error:
                if last:
                    raise
            else:
                chooser.value.set_files(file)
                return


def reach(target: Locator) -> None:
    """Press Tab until something has the focus, and shows it."""
    expect(target).to_be_visible()
    for _ in range(MOST):
        if focus := target.evaluate(HAS_FOCUS):
            assert focus["seen"], f"nothing shows that {target} has the focus"
            return
        target.page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached with Tab")
