// What pages do beside what they say: count down, show times in the reader's own
// zone, and look for news. Without it nothing is missing but that.
"use strict";

const units = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function left(until) {
  let seconds = Math.round((until - Date.now()) / 1000);
  if (seconds <= 0) return "over";
  const parts = [];
  for (const [name, size] of units) {
    const n = Math.floor(seconds / size);
    if (n > 0 && parts.length < 2) parts.push(name === "day" ? `${n} ${n === 1 ? "day" : "days"}` : `${n} ${name}`);
    seconds -= n * size;
  }
  return `in ${parts.join(" ")}`;
}

function tick() {
  for (const s of document.querySelectorAll("[data-left]")) s.textContent = `(${left(new Date(s.dataset.left))})`;
}

function local() {
  for (const t of document.querySelectorAll("time[datetime]")) {
    t.title = new Date(t.dateTime).toLocaleString();
  }
}

// untouched tells that nobody is in a part of the page, or has typed there.
function untouched(part) {
  const typed = (f) => f.value !== f.defaultValue;
  return !part.contains(document.activeElement) && ![...part.querySelectorAll("input, textarea")].some(typed);
}

// bare is what a part says and offers, but for the time that is left.
function bare(part) {
  const copy = part.cloneNode(true);
  for (const s of copy.querySelectorAll("[data-left]")) s.remove();
  for (const t of copy.querySelectorAll("time")) t.removeAttribute("title");
  return copy.innerHTML.replace(/\s+/g, " ");
}

// course is which step, of which extension, the forms of a part decide on.
function course(part) {
  return [...part.querySelectorAll("input[name=step], input[name=extension]")].map((f) => f.value).join();
}

// moved tells that something else is to be decided by now. What is shown stays: a
// word that is about to be said must not go to what nobody has read.
function moved(part) {
  delete part.dataset.live;
  const p = document.createElement("p");
  p.className = "warning";
  p.setAttribute("role", "status");
  p.append("This request has moved on. ", Object.assign(document.createElement("a"), { href: location.href, textContent: "Look at it again" }), ".");
  part.prepend(p);
}

// news replaces the parts of the page that may change, unless somebody is there.
async function news() {
  const here = [...document.querySelectorAll("[data-live]")].filter(untouched);
  if (document.hidden || here.length === 0) return;
  try {
    const answer = await fetch(here[0].dataset.live, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") return over();
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    let told = false;
    for (const part of here) {
      const now = page.getElementById(part.id);
      if (!now || !untouched(part) || bare(now) === bare(part)) continue;
      if (course(part) && course(part) !== course(now)) {
        moved(part);
        continue;
      }
      part.replaceWith(document.importNode(now, true));
      told = true;
    }
    if (!told) return;
    say("The page has news.");
    local();
    tick();
  } catch { /* the next look may do better */ }
}

// over tells that the session is; nothing more is looked for.
function over() {
  clearInterval(looking);
  const p = document.createElement("p");
  p.className = "warning";
  p.setAttribute("role", "status");
  p.textContent = "Your session is over, and this page is not kept up to date any more. What you send from it is kept until you have signed in again.";
  document.getElementById("main").prepend(p);
}

function say(words) {
  let box = document.getElementById("said");
  if (!box) {
    box = document.createElement("p");
    box.id = "said";
    box.className = "hidden";
    box.setAttribute("role", "status");
    document.getElementById("main").append(box);
  }
  box.textContent = words;
}

local();
tick();
setInterval(tick, 1000);
const looking = setInterval(news, 5000);
