// What the pages do beyond plain links and forms. Without it everything works, by loading the page again.

const sayAfterMs = 100;
const root = document.documentElement;
root.classList.add("js");

// The server counts days in the reader's zone, unless they chose another on the page Appearance.
const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (ownZone && !document.cookie.includes(`chatlog_zone=${ownZone};`)) {
  document.cookie = `chatlog_zone=${ownZone}; Path=/; Max-Age=31536000; SameSite=Lax`;
}

// Whatever takes longer than a moment says so.
let waiting;
function beginLoading() {
  clearTimeout(waiting);
  waiting = setTimeout(() => (document.getElementById("loading").hidden = false), sayAfterMs);
}
function endLoading() {
  clearTimeout(waiting);
  document.getElementById("loading").hidden = true;
}
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const elsewhere = event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey;
  if (!link || elsewhere || link.target || "download" in link.dataset || link.getAttribute("href").startsWith("#")) return;
  beginLoading();
});

// A form is sent once: its button says what happens, and does nothing more. Not `disabled`, which would lose focus.
addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter ?? form.querySelector("button");
  if (form.dataset.sent) return event.preventDefault(), event.stopImmediatePropagation();
  form.dataset.sent = "yes";
  if (button) {
    button.setAttribute("aria-disabled", "true");
    if (button.dataset.busy) button.dataset.was = button.innerHTML, (button.textContent = button.dataset.busy);
  }
  beginLoading();
}, true);
function forget(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("button[aria-disabled]")) {
    button.removeAttribute("aria-disabled");
    if (button.dataset.was) button.innerHTML = button.dataset.was, delete button.dataset.was;
  }
}
// Coming back by the browser's button shows the page as it was left, even in the middle of sending.
addEventListener("pageshow", () => {
  endLoading();
  document.querySelectorAll("form[data-sent]").forEach(forget);
});

// Times in the reader's own zone and still true while the page stays open.
const ages = JSON.parse(root.dataset.ages); // as the server says them
function ago(seconds) {
  for (const [unit, length] of ages) {
    const count = Math.floor(seconds / length);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  }
  return "just now";
}
const exactly = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "long", timeZone: root.dataset.zone || undefined });
function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}
function showTimes() {
  for (const time of document.querySelectorAll("time:not([data-fixed])")) {
    const moment = new Date(time.dateTime), exact = exactly.format(moment);
    if (time.title !== exact) time.title = exact;
    setText(time.firstElementChild, ago((Date.now() - moment) / 1000));
    setText(time.lastElementChild, `, ${exact}`);
  }
}
showTimes();
setInterval(showTimes, 15_000);

// The table of exports is fetched again while something runs. What is equal stays, so that focus, scrolling and
// an open question stay; and nothing is asked for a tab that nobody looks at.
if (window.Idiomorph) {
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (old, fresh) => {
    // Times are ours as long as they are the same moment.
    const isSameTime = old.localName === "time" && fresh.localName === "time" && old.dateTime === fresh.dateTime;
    // And a form on its way says so until it is answered.
    return !isSameTime && !old.dataset?.sent;
  };
}
const isPolling = (event) => event.detail.elt.id === "live";
addEventListener("htmx:beforeRequest", (event) => {
  if (isPolling(event) && document.visibilityState === "hidden") event.preventDefault();
  event.detail.requestConfig.askedAt = performance.now();
});
let focused, answeredAt = 0;
addEventListener("htmx:beforeSwap", (event) => {
  const { elt, askedAt } = event.detail.requestConfig;
  if (elt.matches("form")) answeredAt = performance.now();
  // An answer that was on its way meanwhile may tell how things were before.
  else if (askedAt < answeredAt) event.detail.shouldSwap = false;
  focused = document.activeElement?.closest("tr[id]")?.id;
  // What was sent is answered: its button must not stay as it was meanwhile.
  if (event.detail.requestConfig.elt.matches("form")) forget(event.detail.requestConfig.elt);
});
addEventListener("htmx:afterSwap", () => {
  showTimes();
  // The button that was pressed may be gone: the next Tab goes on from its row, not from the top.
  if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
});
addEventListener("htmx:afterRequest", (event) => {
  const { elt, successful, xhr } = event.detail, notice = document.getElementById("connection");
  if (elt.matches("form")) {
    forget(elt);
    endLoading();
    // The notice must not be behind a question.
    if (!successful) elt.closest("[popover]")?.hidePopover();
  }
  if (elt.matches(".counting") && !successful) setText(elt, "Counting did not work: load the page again for the figures.");
  if (!notice) return;
  notice.hidden = successful;
  if (successful) return;
  const now = new Date().toLocaleTimeString();
  const what = elt.matches("form") ? "That did not work" : "No news";
  setText(notice, `${what}: ${xhr.status ? "the server has a problem" : "the server does not answer"} (${now}). What you see may be out of date.`);
});

// A sign-in link carries its token behind the #, which no server and no log ever sees. It leaves the address at once.
// Opened where this page is open already, it changes nothing but that, and loads nothing.
const signIn = document.getElementById("sign-in-form");
function signInByLink() {
  if (!signIn || !location.hash.startsWith("#token=")) return;
  const token = decodeURIComponent(location.hash.slice("#token=".length));
  history.replaceState(null, "", location.pathname + location.search);
  signIn.elements.token.value = token;
  signIn.requestSubmit();
}
signInByLink();
addEventListener("hashchange", signInByLink);
// What is wrong with a form is read first.
document.getElementById("problems")?.focus();

// A word in passing: any element's event "toast", which an answer to htmx may bring (HX-Trigger: {"toast": "…"}).
const toastMs = 6000;
addEventListener("toast", (event) => {
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = event.detail?.value ?? event.detail;
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), toastMs);
});
