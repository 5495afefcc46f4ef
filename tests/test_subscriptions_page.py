# SPDX-License-Identifier: Apache-2.0
"""The page of subscriptions in a real browser: empty and full, both languages, desk and phone."""
import os
import pathlib

import pytest

from browser import Browser
from conftest import wait_for
from test_subscriptions import PATH, Receiver, put, sensor, subscribe
from test_subscriptions_isolation import attempts

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("ZHONGSHU_SCREENSHOTS")


def shoot(browser, name):
    if SHOTS:
        browser.screenshot(pathlib.Path(SHOTS) / f"{name}.png")


@pytest.fixture(params=[("zh-CN", 1440, 900), ("en", 1440, 900), ("zh-CN", 390, 844), ("en", 390, 844)], ids=["zh", "en", "zh-phone", "en-phone"])
def browser(request):
    language, width, height = request.param
    b = Browser(width, height, language)
    b.zh, b.name = language == "zh-CN", request.node.callspec.id
    yield b
    b.close()


def fill(hub, good, bad):
    level = subscribe(hub, good.url, subscriptionName="水位越限通知", q="level>5", watchedAttributes=["level"], entities=[{"type": "Sensor"}])
    subscribe(hub, bad.url, subscriptionName="市级平台转发", endpoint=attempts(2), entities=[{"type": "Sensor"}])
    subscribe(hub, good.url, description="Nightly export", isActive=False, entities=[{"type": "Street"}])
    subscribe(hub, "sse:", subscriptionName="大屏实时流", entities=[{"type": "Sensor"}])
    put(hub, sensor(1, level=9))
    put(hub, sensor(2, level=3))
    good.wait(1)
    wait_for("parking", lambda: hub.get("/api/v1/subscriptions?state=parked").json["total"] == 1)
    return level


def overflow(browser):
    return browser.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_the_page(make_hub, browser):
    hub, good, bad = make_hub(), Receiver(), Receiver(answer=503)
    browser.open(hub.url + "/subscriptions")
    browser.script("localStorage.setItem('zhongshu.language', arguments[0])", "zh" if browser.zh else "en")
    browser.open(hub.url + "/subscriptions")
    browser.wait_text("没有符合条件的订阅" if browser.zh else "No subscription matches")
    shoot(browser, f"{browser.name}-empty")
    level = fill(hub, good, bad)
    browser.open(hub.url + "/subscriptions?sort=-failed")
    browser.wait_text("水位越限通知")
    browser.wait_text("已搁置" if browser.zh else "Parked")
    assert overflow(browser) <= 0
    shoot(browser, f"{browser.name}-list")

    browser.open(f"{hub.url}/subscriptions?state=paused")
    browser.wait_text("Nightly export")
    assert "水位越限通知" not in browser.text()

    browser.open(f"{hub.url}/subscriptions/{level}")
    browser.wait_text("最近投递" if browser.zh else "Last deliveries")
    browser.wait_text("urn:ngsi-ld:Sensor:1")
    browser.type("input[name=entity]", "urn:ngsi-ld:Sensor:2\n")
    browser.wait_text("数值不满足 q" if browser.zh else "The values do not fulfil q")
    assert overflow(browser) <= 0
    shoot(browser, f"{browser.name}-one")
    browser.click("button.ask")
    browser.wait_text("端点已接收" if browser.zh else "The endpoint has taken it")
    shoot(browser, f"{browser.name}-why")
    assert browser.errors() == []

    parked = hub.get("/api/v1/subscriptions?state=parked").json["items"][0]["id"]
    bad.answer = 200
    browser.open(f"{hub.url}/subscriptions/{parked}")
    browser.wait_text("503")
    shoot(browser, f"{browser.name}-parked")
    browser.click("button.turn")
    wait_for("the rest", lambda: len(bad.entities()) == 2)
    assert hub.get(f"{PATH}/{parked}").json["status"] == "active"
    good.close()
    bad.close()
