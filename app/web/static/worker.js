const refreshEveryMs = 2000;

// Makes one node like another, and leaves alone what is equal: so nothing flickers and focus stays.
// What is marked data-keep, and whether a <details> is open, is the reader's.
function makeLike(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE || "keep" in old.dataset) return;
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  const before = [...old.childNodes], after = [...fresh.childNodes];
  after.forEach((child, index) => (index < before.length ? makeLike(before[index], child) : old.append(child)));
  before.slice(after.length).forEach((child) => child.remove());
}

async function refresh() {
  const connection = document.getElementById("connection");
  try {
    const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    makeLike(document.getElementById("page"), fresh.getElementById("page"));
    connection.textContent = "";
  } catch {
    connection.textContent = "no answer; this is how it was before";
  }
  setTimeout(refreshWhenSeen, refreshEveryMs);
}

// A tab that nobody looks at asks nothing.
function refreshWhenSeen() {
  if (document.visibilityState === "visible") refresh();
  else document.addEventListener("visibilitychange", refreshWhenSeen, { once: true });
}

setTimeout(refreshWhenSeen, refreshEveryMs);
