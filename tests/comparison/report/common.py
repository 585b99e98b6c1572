"""Comparisons, real and invented, and their pages."""

import html as escaping
import json
import re
import shutil
import subprocess

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BAD = '<script>alert("x")</script>'


WATCH = """
window.problems = [];
addEventListener("error", event => problems.push(String(event.message)));
addEventListener("securitypolicyviolation", event => problems.push(event.violatedDirective + " " + event.blockedURI));
addEventListener("unhandledrejection", event => problems.push(String(event.reason)));
"""

LOOK = """
const shown = element => element.ownerDocument.defaultView.getComputedStyle(element).display !== "none";
const facts = (view) => {
  const page = view.document, root = page.documentElement;
  const table = page.querySelector("table.metrics"), box = table.parentElement;
  const names = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent.trim());
  const numbers = () => [...table.tBodies[0].rows].map(row => Number(row.cells[5].dataset.value));
  const head = table.tHead.rows[0].cells[5], button = head.querySelector("button");
  const before = names();
  button.click();
  const ascending = [head.getAttribute("aria-sort"), numbers()];
  button.click();
  const descending = [head.getAttribute("aria-sort"), numbers()];
  button.click();
  box.scrollLeft = 150;
  const first = table.tBodies[0].rows[0].cells[0].getBoundingClientRect().left - box.getBoundingClientRect().left;
  const brier = page.querySelector("td.m-brier"), seen = [shown(brier)];
  page.querySelector("#xgboost-brier").click();
  seen.push(shown(brier));
  const line = page.querySelector("#xgboost figure .s0"), there = [shown(line)];
  page.querySelector("#xgboost-s0").click();
  there.push(shown(line));
  const told = box => Object.fromEntries([...box.querySelectorAll("[data-out]")].map(e => [e.dataset.out, e.textContent]));
  const sliders = [...page.querySelectorAll(".slider")].map(box => {
    const range = box.querySelector("input[type=range]"), miss = box.querySelector("[data-in=miss]");
    const press = name => box.querySelector(`[data-go=${name}]`).click();
    const steps = [told(box)];
    for (const place of [0, Math.floor(range.max / 2), Number(range.max)]) {
      range.value = place;
      range.dispatchEvent(new view.Event("input"));
      steps.push({...told(box), spoken: range.getAttribute("aria-valuetext"), place});
    }
    miss.value = "7.5";
    miss.dispatchEvent(new view.Event("input"));
    press("best");
    const best = told(box), drawn = box.querySelector("svg path").getAttribute("d").split("L").length;
    press("chosen");
    return {steps, best, drawn, again: told(box), points: JSON.parse(box.dataset.points), at: Number(box.dataset.at)};
  });
  const style = view.getComputedStyle(page.body);
  const right = element => element.getBoundingClientRect().right;
  const wide = [...page.querySelectorAll("body *:not(.scroll *, pre *, svg *)")].filter(e => right(e) > view.innerWidth + 1);
  return {
    width: view.innerWidth, scroll: root.scrollWidth, problems: view.problems, wide: wide.map(e => e.outerHTML.slice(0, 80)),
    copies: page.querySelectorAll(".copy").length, codes: page.querySelectorAll("pre.code").length,
    sliders, ascending, descending, restored: String(before) === String(names()), first, seen, there,
    paper: style.backgroundColor, ink: style.color,
    tick: view.getComputedStyle(page.querySelector("figure svg text")).fill,
  };
};
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => facts(frame.contentWindow));
  document.body.innerHTML = "";
  const out = document.createElement("pre");
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
"""


def in_chromium(folder, pages, dark):
    """What :data:`LOOK` finds in each page, 380 and 1300 pixels wide."""
    frames = []
    for text in pages:
        watched = text.replace("script-src 'sha256-", "script-src 'nonce-watch' 'sha256-", 1)
        watched = watched.replace("<title>", f"<script nonce='watch'>{WATCH}</script><title>", 1)
        frames += [
            f'<iframe style="width:{w}px;height:900px" srcdoc="{escaping.escape(watched)}"></iframe>' for w in (380, 1300)
        ]
    path = folder / "frames.html"
    scheme = '<meta name="color-scheme" content="light dark">'
    path.write_text(
        f"<!DOCTYPE html><meta charset=utf-8>{scheme}<script>{LOOK}</script><body>{''.join(frames)}", encoding="utf-8"
    )
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    flags += f"--disable-component-update --disable-sync --blink-settings=preferredColorScheme={0 if dark else 1} --dump-dom"
    done = subprocess.run(
        [CHROMIUM, *flags.split(), f"--user-data-dir={folder / 'profile'}", path.as_uri()],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return json.loads(escaping.unescape(re.search(r"<pre>(.*)</pre>", done.stdout, flags=re.DOTALL)[1]))
