# SPDX-License-Identifier: Apache-2.0
"""A real headless Chromium, driven through chromedriver by the W3C WebDriver protocol."""
import base64
import http.client
import json
import re
import subprocess
import tempfile

from conftest import free_port, wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars"]


class Browser:
    def __init__(self, width=1440, height=900, language="zh-CN"):
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-")
        port = free_port()
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.port = port
        wait_for("chromedriver", self.ready)
        options = {"args": [*FLAGS, f"--window-size={width},{height}", f"--lang={language}",
                            f"--user-data-dir={self.profile.name}"],
                   "prefs": {"intl.accept_languages": language}}
        capabilities = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options,
                                                         "goog:loggingPrefs": {"browser": "ALL"}}}}
        self.session = self.call("POST", "/session", capabilities)["sessionId"]

    def raw(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer["value"]

    def ready(self):
        try:
            return self.raw("GET", "/status")["ready"]
        except OSError:
            return False

    def call(self, method, path, body=None):
        value = self.raw(method, path, body)
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{value['error']}: {value['message']}")
        return value

    def do(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def script(self, code, *arguments):
        return self.do("POST", "/execute/sync", {"script": code, "args": list(arguments)})

    def find(self, css):
        try:
            return self.do("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]
        except RuntimeError:
            return None

    def wait(self, css, seconds=30):
        return wait_for(f"the element {css}", lambda: self.find(css), seconds)

    def click(self, css):
        self.do("POST", f"/element/{self.wait(css)}/click", {})

    def type(self, css, text):
        self.do("POST", f"/element/{self.wait(css)}/value", {"text": text})

    def text(self):
        return self.script("return document.body.innerText")

    def wait_text(self, pattern, seconds=30):
        wait_for(f"the text {pattern}", lambda: re.search(pattern, self.text()), seconds)

    def errors(self):
        """What the page complained about on its console; asking who is signed in before anybody is, is none."""
        return [entry["message"] for entry in self.do("POST", "/se/log", {"type": "browser"})
                if entry["level"] == "SEVERE" and not ("/api/v1/session" in entry["message"] and "401" in entry["message"])]

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.do("GET", "/screenshot")))

    def close(self):
        try:
            self.do("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(20)
            self.profile.cleanup()
