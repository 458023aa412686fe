"""A headless Chromium, and a report in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
  (event) => window.violations.push(event.violatedDirective + " " + event.blockedURI));
window.addEventListener("unhandledrejection", (event) => window.violations.push(String(event.reason)));
"""


class Browser:
    """One tab of a Chromium."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})

    def open(self, path: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Opens a report and waits until its script is through."""
        self.js("window.onbeforeunload = null")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.prefer("dark" if dark else "light")
        self.driver.get(path.as_uri())
        self.wait("return document.documentElement.dataset.ready === 'yes'")

    def prefer(self, theme: str) -> None:
        """Sets what the system prefers."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def js(self, code: str, *arguments: Any) -> Any:
        """Runs a script in the page."""
        return self.driver.execute_script(code, *arguments)

    def wait(self, code: str, *arguments: Any, seconds: float = 15) -> Any:
        """Waits until a script returns something true."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, poll_frequency=0.02).until(
            lambda driver: driver.execute_script(code, *arguments)
        )

    def click(self, selector: str, index: int = 0) -> None:
        """Clicks what a selector finds, as a person would."""
        element = self.all(selector)[index]
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def all(self, selector: str) -> list[Any]:
        """All elements that a selector finds."""
        return list(self.driver.find_elements("css selector", selector))

    def text(self, selector: str) -> str:
        """The text of the first of them."""
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def choose(self, table: str, label: str, value: str) -> None:
        """Chooses in the menu with this label."""
        from selenium.webdriver.support.ui import Select

        for control in self.all(f"{table} .control"):
            if control.text.startswith(label):
                Select(control.find_element("tag name", "select")).select_by_visible_text(value)
                return
        raise AssertionError(f"no menu '{label}' in {table}")

    def complaints(self) -> list[str]:
        """Errors in the console and violations of the policy since the page was opened."""
        logged = [one for one in self.driver.get_log("browser") if one["level"] == "SEVERE"]
        return [one["message"] for one in logged] + self.js("return window.violations")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium of this machine; the test is skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    binary = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    driver_path = shutil.which("chromedriver")
    if binary is None or driver_path is None:
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.chrome.service.Service(driver_path)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
