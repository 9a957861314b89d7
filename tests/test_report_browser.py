"""The report in a real browser: headless Chromium opens it, filters, opens a call, reviews alarms and downloads the reviews."""

import json
import shutil
import time
import wave

import pytest
from test_report import HOSTILE, LEAVES, MODEL, SMALL, many_calls, render, write_tables

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium here: apt-get install chromium chromium-driver")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--window-size=1280,900", "--lang=zh-CN"),
)
SHOWN = HOSTILE.replace("\ud800", "")  # chromedriver cannot hand over a lone surrogate
HOSTILE_CALL = {
    "id": SHOWN, "agent": SHOWN, "score": 10.0, "review": SHOWN, "failed": {SHOWN: ["0"]},
    "turns": [("agent", SHOWN, "blaming", SHOWN), ("customer", HOSTILE)],
}  # fmt: skip


class Page:
    """What a person does with the report."""

    def __init__(self, driver, downloads):
        self.driver, self.downloads = driver, downloads

    def open(self, path, view=""):
        self.driver.get("about:blank")  # else a new fragment alone would not load the file anew
        self.driver.get(path.as_uri() + view)

    def all(self, css):
        return self.driver.find_elements("css selector", css)

    def one(self, css):
        return self.driver.find_element("css selector", css)

    def texts(self, css):
        return [element.text for element in self.all(css)]

    def choose(self, css, text):
        from selenium.webdriver.support.select import Select

        Select(self.one(css)).select_by_visible_text(text)

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        return self.driver.switch_to.active_element

    def downloaded(self):
        path = self.downloads / "reviews.jsonl"
        path.unlink(missing_ok=True)
        self.one("#download").click()
        for _ in range(100):
            if path.exists() and (text := path.read_text(encoding="utf-8")):
                return [json.loads(line) for line in text.splitlines()]
            time.sleep(0.1)
        raise AssertionError("nothing was downloaded within 10 s")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    downloads = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads), "download.prompt_for_download": False})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield Page(driver, downloads)
    driver.quit()


@pytest.fixture
def report(browser):
    """The page, which must not have complained about anything when the test is over, and have loaded nothing."""
    yield browser
    assert browser.driver.get_log("browser") == []
    assert browser.driver.execute_script("return performance.getEntriesByType('resource').length") == 0


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = write_tables(tmp_path_factory.mktemp("small"), [*SMALL, HOSTILE_CALL])
    render(out)
    return out / "report.html"


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    out = write_tables(tmp_path_factory.mktemp("thousand"), many_calls(1000, 40))
    render(out)
    return out / "report.html"


def test_the_overview_counts_and_leads_to_calls(report, small):
    report.open(small)
    assert report.one("h1").text == "通话质检报告"
    assert report.texts(".tile b") == ["5", "7", "4", "42.4", "1", "2"]
    assert report.texts(".bar .name")[:2] == ["推诿客户", "责问训斥反问"]
    assert report.texts(".bar .value")[:2] == ["2", "2"]
    next(b for b in report.all(".bar") if "推诿客户" in b.text).click()
    assert report.texts(".list tbody th a") == ["a", "b"]
    assert report.one(".found").text == "筛出 2 通，共 5 通"
    assert report.focused().tag_name == "h2"


PIXELS = """
  const canvas = document.querySelector("#time_chart canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) colours.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
  return [...colours];
"""


def wait_for(condition):
    for _ in range(100):
        if result := condition():
            return result
        time.sleep(0.1)
    raise AssertionError("not within 10 s")


def test_alarms_over_time_are_drawn_and_lead_to_calls(report, small):
    report.open(small)
    wait_for(lambda: report.all("#time_chart canvas"))
    assert report.one("#time_chart .note").text == "各类报警句数，按通话先后（未注明时间）；点击查看通话"
    assert {"42,120,214", "235,104,52"} <= set(wait_for(lambda: report.driver.execute_script(PIXELS)))  # --t0 and --t1
    report.one("#time_chart summary").click()
    assert report.texts("#time_chart tbody th") == ["1–1", "2–2", "3–3", "4–4", "5–5"]
    assert report.texts("#time_chart tbody tr:first-child td") == ["1", "3", "2", "1", "1"]
    over = report.one("#time_chart .u-over")
    from selenium.webdriver.common.action_chains import ActionChains

    left = int(over.rect["width"] * -0.2)  # the second of five bars, from the middle
    ActionChains(report.driver).move_to_element_with_offset(over, left, 20).perform()
    assert report.one(".readout").text == "2–2：1 句报警，1 通 · 推诿客户 1"
    ActionChains(report.driver).click().perform()
    assert report.texts(".list tbody th a") == ["b"]
    assert report.one("#period option:checked").text == "2–2"


def test_the_chart_follows_the_colours_of_the_system(report, small):
    try:
        report.open(small)
        wait_for(lambda: report.all("#time_chart canvas"))
        assert "74,147,234" not in report.driver.execute_script(PIXELS)
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        report.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        assert wait_for(lambda: "74,147,234" in report.driver.execute_script(PIXELS))  # --t0 of the dark page
    finally:
        report.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_agents_show_their_interval(report, small):
    report.open(small)
    labels = [e.get_attribute("aria-label") for e in report.all(".interval")]
    assert len(labels) == 4
    assert all("95% 区间" in label for label in labels)
    assert all(e.size["width"] >= 60 for e in report.all(".interval"))


def test_the_page_on_drift(report, tmp_path):
    names = ("categories", "leaves", "alarms", "confidence", "length", "unknown tokens", "meaning")
    verdicts = ("stable", "stable", "look", "stable", "drifted", "stable", "stable")
    measures = [{"name": n, "verdict": v, "says": SHOWN, "says_zh": SHOWN} for n, v in zip(names, verdicts, strict=True)]
    batches = {side: {"file": side, "utterances": 1234} for side in ("reference", "new")}
    out = write_tables(tmp_path, SMALL)
    render(out, drift={"verdict": "drifted", **batches, "measures": measures, "notes": ["few calls"]})
    report.open(out / "report.html")
    report.all("header nav a")[2].click()
    assert report.one("h2").text == "变化"
    assert "已变化" in report.one(".verdict").text
    assert [x.split() for x in report.texts("#drift tbody em")] == [
        [{"stable": "平稳", "look": "留意", "drifted": "已变化"}[v]] for v in verdicts
    ]
    assert report.texts("#drift tbody th")[5:] == ["含生词的语句", "语义"]
    assert "1,234" in report.texts("#drift .note")[0]
    assert report.texts("#drift .notice") == ["few calls"]


def test_audio_is_played_at_the_moment(browser, tmp_path):
    with wave.open(str(tmp_path / "声音 1.wav"), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(b"\x80" * 8000 * 15)
    cases = [{**SMALL[0], "audio": "声音 1.wav", "source": str(tmp_path / "a.json")}, SMALL[1]]
    out = write_tables(tmp_path / "out", cases)
    render(out)
    browser.open(out / "report.html", "#call-0")
    player = "return document.getElementById('audio')"
    assert browser.driver.execute_script(f"{player}.networkState") != 2  # nothing is loaded before it is wanted
    play = browser.all(".turn .play")[2]
    assert (play.text, play.get_attribute("aria-label")) == ("▶ 0:10", "从 0:10 播放")
    play.click()
    wait_for(lambda: browser.driver.execute_script(f"{player}.currentTime >= 10"))
    assert browser.driver.execute_script(f"{player}.currentSrc").endswith("/%E5%A3%B0%E9%9F%B3%201.wav#t=10")
    assert browser.driver.get_log("browser") == []
    browser.open(out / "report.html", "#call-1")  # a call without audio
    assert browser.all("audio, .play") == []
    (tmp_path / "声音 1.wav").unlink()
    browser.open(out / "report.html", "#call-0")
    browser.all(".turn .play")[0].click()
    notice = wait_for(lambda: [n for n in browser.all(".player .notice") if n.is_displayed()])
    assert notice[0].text == "录音无法播放：../声音 1.wav"
    browser.driver.get_log("browser")  # the browser complains of the missing file; the next test begins clean


def test_filter_sort_and_search(report, small):
    report.open(small, "#calls")
    assert report.texts(".list tbody th a")[0] == "a"  # the most alarms
    report.one("[data-sort=score]").click()
    assert report.texts(".list tbody th a")[:1] + report.texts(".list tbody th a")[-1:] == ["b", "d"]  # no score comes last
    assert report.one("th[aria-sort=ascending]").text == "↑得分"
    assert report.focused().get_attribute("data-sort") == "score"
    report.one("[data-sort=score]").click()
    assert report.texts(".list tbody th a")[:1] + report.texts(".list tbody th a")[-1:] == ["c", "d"]
    report.one("#search").send_keys("空调")
    assert report.texts(".list tbody th a") == ["a"]
    report.one("#search").send_keys("没有人说过")
    assert report.one(".empty").text == "没有符合条件的通话。"
    report.one("#clear").click()
    assert len(report.all(".list tbody tr")) == 5
    report.choose("#agent", "未注明")
    assert report.texts(".list tbody th a") == ["c"]
    report.choose("#agent", "7")
    report.choose("#status", "有报警")
    assert report.texts(".list tbody th a") == ["a"]


def test_a_call_as_a_conversation(report, small):
    report.open(small, "#calls")
    report.one(".list tbody th a").click()
    assert report.texts(".who")[1].startswith("客户")
    assert report.texts("mark") == ["这个不归我管", "你听明白了吗"]
    card = report.all(".alarm")[0].text
    for part in ("推诿客户", "禁忌概率 97%", "不归我管", "001_4ec6d1297bef237b.txt 二.2.5)", "我帮您转接负责的同事"):
        assert part in card
    report.one(".items .link").click()
    assert report.focused().get_attribute("id") == "turn-2"
    report.one("#next_call").click()
    assert report.one("h2").text == "通话 b"
    report.driver.back()
    assert report.one("h2").text == "通话 a"


def test_review_relabel_reload_and_download(report, small):
    report.open(small, "#call-0")
    report.one("[data-decision=confirm]").click()
    report.choose(".turn:nth-child(4) select", "傲慢厌烦")
    report.open(small, "#call-1")
    report.one("[data-decision=reject]").click()
    assert report.one(".progress").text == "已复核 3 / 4"
    common = {"model": MODEL}
    expected = [
        {"call_id": "a", "turn_id": "2", "category": "deflecting", "decision": "confirm", "label": "deflecting", **common},
        {"call_id": "a", "turn_id": "3", "category": "blaming", "decision": "relabel", "label": "arrogant", **common},
        {"call_id": "b", "turn_id": "0", "category": "deflecting", "decision": "reject", "label": None, **common},
    ]
    lines = report.downloaded()
    assert [line.pop("text") for line in lines] == ["😀这个不归我管，你找别人", "你听明白了吗", "找别人去"]
    assert lines == expected
    report.open(small, "#call-0")  # a new load: kept by the browser
    assert report.one(".progress").text == "已复核 3 / 4"
    assert report.one("[data-decision=confirm]").get_attribute("aria-pressed") == "true"
    assert report.one(".turn:nth-child(4) select").get_property("selectedOptions")[0].text == "傲慢厌烦"
    report.one("[data-decision=confirm]").click()  # a second time takes it back
    assert report.one(".progress").text == "已复核 2 / 4"
    report.open(small, "#calls")
    report.choose("#status", "有报警未复核")
    assert "b" not in report.texts(".list tbody th a")


def test_every_label_can_be_chosen_but_the_one_it_has(report, small):
    report.open(small, "#call-1")
    offered = report.texts(".controls option")
    assert len(offered) == len(LEAVES)  # one less, and the prompt
    assert LEAVES["deflecting"].zh not in offered


def test_it_works_without_local_storage(report, small):
    script = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"
    added = report.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        report.open(small, "#call-1")
        assert not report.one("#not-stored").is_displayed()
        report.one("[data-decision=confirm]").click()
        assert report.one("#not-stored").is_displayed()
        report.driver.get(small.as_uri() + "#calls")
        assert [line["call_id"] for line in report.downloaded()] == ["b"]
    finally:
        report.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_a_hostile_transcript_is_text(report, small):
    for view in ("", "#calls", "#call-4"):
        report.open(small, view)
        assert report.all("img, main script, iframe") == []
        assert report.driver.title.endswith("通话质检报告")
    assert report.one("mark").get_property("textContent") == SHOWN
    assert report.one("h2").text.startswith("通话 </script><script>alert(1)</script>")


def test_the_keyboard_is_enough(report, small):
    from selenium.webdriver.common.keys import Keys

    report.open(small, "#calls")
    report.press(Keys.TAB)
    assert report.focused().text == "跳到正文"
    report.press(Keys.ENTER)
    for _ in range(30):
        if report.focused().text == "a":
            break
        report.press(Keys.TAB)
    assert report.driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    report.press(Keys.ENTER)
    assert report.one("h2").text == "通话 a"
    for _ in range(10):
        report.press(Keys.TAB)
        if report.focused().get_attribute("data-decision") == "reject":
            break
    report.press(Keys.SPACE)
    assert report.focused().get_attribute("aria-pressed") == "true"


def test_a_thousand_calls_are_paged_and_quick(report, thousand):
    report.open(thousand, "#calls")
    assert len(report.all(".list tbody tr")) == 50
    assert report.one(".pager span").text == "第 1 / 20 页"
    report.one("[data-page=next]").click()
    assert report.one(".pager span").text == "第 2 / 20 页"
    assert report.focused().get_attribute("data-page") == "next"
    quick = """
      const search = document.getElementById("search"), start = performance.now();
      search.value = arguments[0];
      search.dispatchEvent(new Event("input"));
      return performance.now() - start;
    """
    assert report.driver.execute_script(quick, "20260101-000777") < 1000
    assert report.texts(".list tbody th a") == ["20260101-000777"]
