// Conversations: opened beside the list, loaded piece by piece as it is scrolled, and live. Without it, links do.

(() => {
  const page = document.querySelector(".talks");
  // The browser's own question; on a phone it saves a file as well.
  document.querySelector("[data-print]")?.addEventListener("click", () => print());
  if (!page) return;

  // So many parts of a thread are kept at most; what is far from where one reads goes, and comes back when asked for.
  const partsMax = 8;
  // As near to the end of what is loaded, more is asked for.
  const ahead = "1200px 0px";
  const nearEndPx = 80;
  const beside = document.getElementById("beside");
  const plain = (event) => !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

  // Fragments of pages, by the session; when it has ended, the whole page goes to sign in.
  async function fragment(address, signal) {
    const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Current-URL": location.href }, signal });
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) location.assign(elsewhere);
    if (!answer.ok || elsewhere) throw new Error(`${answer.status}`);
    return answer.text();
  }
  function nodesOf(html) {
    const template = document.createElement("template");
    template.innerHTML = html; // ours, in which what people said is escaped
    return template.content;
  }
  // Whatever takes longer than a moment says so: on the bar of the page, and dimmed where it will be.
  async function saying(place, work) {
    const loading = document.getElementById("loading");
    const waiting = setTimeout(() => { loading.hidden = false; place?.classList.add("busy-here"); }, 100);
    try {
      return await work();
    } finally {
      clearTimeout(waiting);
      loading.hidden = true;
      place?.classList.remove("busy-here");
    }
  }

  // ── The list ──────────────────────────────────────────────────────────────────────────────────────────────────
  const list = page.querySelector(".list");
  list.addEventListener("change", (event) => event.target.matches("[data-submits]") && event.target.form.requestSubmit());
  const rows = () => [...list.querySelectorAll("a.talk")];
  function step(by) {
    const all = rows(), at = all.indexOf(document.activeElement);
    const from = at >= 0 ? at : all.findIndex((row) => row.hasAttribute("aria-current"));
    const next = from < 0 ? all[0] : all[Math.min(all.length - 1, Math.max(0, from + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && thread?.closeKnown()) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const inList = list.contains(event.target);
    const by = { j: 1, k: -1, ...(inList && { ArrowDown: 1, ArrowUp: -1 }) }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
  });

  // A conversation opens where it is, so that the list stays as it was scrolled.
  let opening;
  async function open(address, { focus = true } = {}) {
    opening?.abort();
    opening = new AbortController();
    const html = await saying(beside, () => fragment(address, opening.signal));
    thread?.close();
    beside.replaceChildren(nodesOf(html));
    const section = beside.querySelector(".thread");
    page.classList.toggle("open", Boolean(section));
    const path = new URL(address, location).pathname;
    for (const row of rows()) {
      if (section && row.pathname === path) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    document.title = `${section ? `${section.dataset.name} · ` : ""}Conversations · chatlog`;
    thread = section && new Thread(section);
    if (section && focus) section.querySelector("h2").focus({ preventScroll: true });
  }
  function go(address) {
    return open(address).then(() => history.pushState({}, "", address), (error) => error.name !== "AbortError" && location.assign(address));
  }
  page.addEventListener("click", (event) => {
    const link = event.target.closest("a.talk, a.back");
    if (!link || !plain(event)) return;
    event.preventDefault();
    const last = link.matches(".back") ? list.querySelector("[aria-current]") : null;
    go(link.getAttribute("href")).then(() => last?.focus());
  });
  addEventListener("popstate", () => {
    if (location.pathname.startsWith("/conversations")) open(location.href, { focus: false }).catch(() => location.reload());
  });

  // ── A thread ──────────────────────────────────────────────────────────────────────────────────────────────────
  class Thread {
    constructor(section) {
      this.section = section;
      this.scroller = section.querySelector("#said");
      this.told = section.querySelector("#told");
      this.fresh = section.querySelector("#fresh");
      this.lost = section.querySelector("#lost");
      this.known = section.querySelector("#known");
      this.unseen = 0;
      this.waiting = new Set();
      this.gone = new Set();
      this.isStale = false;
      this.ended = new AbortController();
      this.loading = {};
      this.base = new URL(this.scroller.dataset.part, location);

      this.watch = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && this.load(entry.target.id)), { root: this.scroller, rootMargin: ahead });
      this.scroller.addEventListener("scroll", () => this.isAtEnd && this.seen(), { passive: true });
      this.fresh.addEventListener("click", () => this.toEnd());
      section.addEventListener("click", (event) => this.clicked(event));
      section.querySelector("#close-known").addEventListener("click", () => this.closeKnown());
      section.querySelector(".jump input").addEventListener("change", (event) => event.target.validity.valid && event.target.value && this.jump(event.target.form));
      section.querySelector(".jump").addEventListener("submit", (event) => { event.preventDefault(); event.stopImmediatePropagation(); this.jump(event.target); });
      this.place();
      this.tidy();
      for (const way of ["earlier", "later"]) {
        const link = section.querySelector(`#${way}`);
        link.addEventListener("click", (event) => { if (plain(event)) event.preventDefault(), event.stopPropagation(), this.load(way); });
        this.watch.observe(link);
      }
      this.listen();
      // A browser that is cut off may hold its stream for minutes before it notices.
      addEventListener("offline", () => { this.lost.hidden = false; }, { signal: this.ended.signal });
      addEventListener("online", () => this.listen(), { signal: this.ended.signal });
      // Whoever writes there (threads.js) says by `settled` when what is on its way is answered, and is told by
      // `reconnected` when there may be a connection again.
      document.dispatchEvent(new CustomEvent("thread", { detail: this }));
    }
    settled() { return Promise.resolve(); }
    reconnected() {}
    close() {
      this.ended.abort(); // its listeners too
      this.watch.disconnect();
      this.events?.close();
      clearTimeout(this.soon);
      clearTimeout(this.telling);
    }

    get parts() { return [...this.scroller.querySelectorAll("ol.part")]; }
    get isAtEnd() { return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < nearEndPx; }
    // Whether what is newest is loaded.
    get isNewest() { return !this.parts.at(-1)?.dataset.later; }

    // Where it opens: at what the address names, else at the newest.
    place() {
      const named = this.scroller.dataset.highlight && document.getElementById(`m-${this.scroller.dataset.highlight}`);
      if (named) {
        named.classList.add("marked");
        this.keepAt(named, () => this.scroller.clientHeight / 3);
      } else if (this.scroller.dataset.place === "end") this.keepAtEnd();
    }
    // Messages out of sight have no true height before they are shown: so it is looked at again.
    keepAt(node, from, times = 4) {
      this.scroller.scrollTop += node.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - from();
      if (times > 1) requestAnimationFrame(() => this.keepAt(node, from, times - 1));
    }
    keepAtEnd(times = 4) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      if (times > 1) requestAnimationFrame(() => this.keepAtEnd(times - 1));
    }

    // What is loaded lies between two places; each way there may be more.
    async load(way) {
      const parts = this.parts, edge = way === "earlier" ? parts[0] : parts.at(-1), place = edge?.dataset[way];
      if (!place || this.loading[way]) return;
      this.loading[way] = true;
      try {
        const html = await fragment(`${this.base.pathname}?${new URLSearchParams({ [way === "earlier" ? "before" : "after"]: place })}`, this.ended.signal);
        const part = nodesOf(html).querySelector("ol.part");
        this.keeping(() => {
          if (way === "earlier") edge.before(part);
          else edge.after(part);
          if (this.parts.length > partsMax) (way === "earlier" ? this.parts.at(-1) : this.parts[0]).remove();
          this.tidy();
        });
      } catch (error) {
        if (error.name !== "AbortError") this.tell("More could not be loaded: use the link to try again.");
        return;
      } finally {
        this.loading[way] = false;
      }
      // What is still near is seen anew.
      const link = this.section.querySelector(`#${way}`);
      this.watch.unobserve(link);
      this.watch.observe(link);
    }
    // Does something to the parts, and what one reads stays where it is.
    keeping(work) {
      const top = this.scroller.getBoundingClientRect().top;
      const shown = [...this.scroller.querySelectorAll(".said")].find((said) => said.getBoundingClientRect().bottom > top);
      const before = shown?.getBoundingClientRect().top;
      // The browser would do its part of it later, and both would be too much.
      this.scroller.classList.add("shifting");
      work();
      if (shown?.isConnected) this.scroller.scrollTop += shown.getBoundingClientRect().top - before;
      requestAnimationFrame(() => this.scroller.classList.remove("shifting"));
    }
    // Links only where there is more; one heading for each day, though every part has its own.
    tidy() {
      const parts = this.parts;
      this.section.querySelector("#earlier").hidden = !parts[0]?.dataset.earlier;
      this.section.querySelector(".way .start").hidden = Boolean(parts[0]?.dataset.earlier);
      this.section.querySelector("#later").hidden = this.isNewest;
      parts.forEach((part, index) => {
        const first = part.firstElementChild, last = parts[index - 1]?.lastElementChild;
        if (first?.matches(".day")) first.hidden = last?.dataset.day === first.dataset.day;
      });
    }

    async jump(form) {
      const address = `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
      await go(address);
    }
    async clicked(event) {
      const link = event.target.closest("a");
      if (!link || !plain(event)) return;
      if (link.dataset.jump) {
        const node = document.getElementById(`m-${link.dataset.jump}`);
        event.preventDefault();
        if (!node) return go(`${this.base.pathname.replace(/\/part$/, "")}?${new URLSearchParams({ ...this.filters, message: link.dataset.jump })}`).catch(() => location.assign(link.href));
        this.section.querySelectorAll(".marked").forEach((marked) => marked.classList.remove("marked"));
        node.classList.add("marked");
        this.keepAt(node, () => this.scroller.clientHeight / 3);
      } else if ("details" in link.dataset) {
        event.preventDefault();
        this.showKnown(link);
      } else if ("raw" in link.dataset) {
        event.preventDefault();
        const html = await saying(link, () => fragment(link.getAttribute("href"), this.ended.signal)).catch(() => null);
        if (html === null) location.assign(link.href);
        else link.parentElement.replaceWith(nodesOf(html));
      }
    }
    get filters() {
      return Object.fromEntries([...this.section.querySelectorAll(".jump input[type=hidden]")].map((field) => [field.name, field.value]));
    }

    // ── What was known ──
    async showKnown(link) {
      const html = await saying(this.known, () => fragment(link.getAttribute("href").split("#")[0], this.ended.signal)).catch((error) => error.name);
      if (html === "AbortError") return;
      const body = this.known.querySelector(".scrolls");
      body.replaceChildren(html.startsWith("<") ? nodesOf(html) : document.createTextNode("That could not be loaded."));
      body.scrollTop = 0;
      this.section.querySelector(".looked-at")?.classList.remove("looked-at");
      this.asked = link;
      link.closest(".said").classList.add("looked-at");
      const show = () => { this.known.hidden = false; };
      if (this.known.hidden) this.keeping(show);
      this.known.querySelector("h2").focus({ preventScroll: true });
      if (link.hash) body.querySelector(link.hash)?.scrollIntoView({ block: "start" });
    }
    closeKnown() {
      if (this.known.hidden) return false;
      this.keeping(() => { this.known.hidden = true; });
      this.section.querySelector(".looked-at")?.classList.remove("looked-at");
      this.asked?.focus({ preventScroll: true });
      return true;
    }

    // ── Live ──
    listen() {
      if (this.ended.signal.aborted) return;
      this.events?.close();
      this.events = new EventSource(this.scroller.dataset.events);
      this.events.addEventListener("open", () => {
        clearTimeout(this.telling);
        this.lost.hidden = true;
        this.reconnected();
        // Between the page and its stream something may have been said.
        this.settled().then(() => this.catchUp()).catch(() => {});
      });
      this.events.addEventListener("error", () => {
        // It tries again by itself, going on after the last that came; closed for good, we do, for the session may be over.
        clearTimeout(this.telling);
        this.telling = setTimeout(() => { this.lost.hidden = false; }, 1000);
        if (this.events.readyState === EventSource.CLOSED) this.soon = setTimeout(() => this.catchUp().finally(() => this.listen()), 5000);
      });
      const named = (isGone) => (event) => {
        const { id } = JSON.parse(event.data);
        this.gone[isGone ? "add" : "delete"](id);
        this.waiting.add(id);
        this.gather();
      };
      this.events.addEventListener("message", named(false));
      this.events.addEventListener("gone", named(true));
      this.events.addEventListener("again", () => this.refresh());
    }
    // Several at once are fetched at once; drawn by the server, as all others.
    gather() {
      clearTimeout(this.gathering);
      this.gathering = setTimeout(() => this.settled().then(() => this.bring([...this.waiting.values()].slice(0, 100))), 120);
    }
    async bring(ids) {
      if (this.ended.signal.aborted || !ids.length) return;
      ids.forEach((id) => this.waiting.delete(id));
      try {
        const isShown = (id) => document.getElementById(`m-${id}`);
        const shown = ids.filter(isShown);
        const isNew = shown.length < ids.length;
        if (shown.length) this.replace(nodesOf(await fragment(`${this.base.pathname}?${new URLSearchParams(shown.map((id) => ["only", id]))}`, this.ended.signal)), shown);
        if (isNew) await this.catchUp();
        if (this.isNewest && ids.some((id) => !shown.includes(id) && !isShown(id) && !this.gone.has(id) && this.isWithin(id))) this.refresh();
      } catch (error) {
        if (error.name !== "AbortError") ids.forEach((id) => this.waiting.add(id));
      }
      if (this.waiting.size) this.gather();
    }
    // Whether a message belongs between those that are loaded: an id begins with its time. What is from before them
    // comes when one goes there.
    isWithin(id) {
      const first = this.scroller.querySelector(".said[id]");
      return !this.parts[0]?.dataset.earlier || !first || `m-${id}` > first.id;
    }
    replace(fresh, ids) {
      this.keeping(() => {
        for (const id of ids) {
          const old = document.getElementById(`m-${id}`), now = fresh.querySelector(`#m-${CSS.escape(id)}`);
          if (!old) continue;
          // Hidden by its channel's rule: gone from here as from everywhere.
          if (!now) { old.remove(); continue; }
          now.classList.toggle("begins", old.classList.contains("begins"));
          now.querySelector(".by")?.classList.toggle("visually-hidden", !old.classList.contains("begins"));
          if (!old.classList.contains("begins")) now.querySelector(":scope > .disc")?.remove();
          old.replaceWith(now);
        }
      });
      this.tell(ids.length === 1 ? "A message has changed." : `${ids.length} messages have changed.`);
    }
    // What was said after the last that is shown; where that is not the newest, there is the button. One at a time:
    // two would bring the same.
    catchUp() {
      this.catching = (this.catching ?? Promise.resolve()).catch(() => {}).then(() => this.catchUpOnce());
      return this.catching;
    }
    async catchUpOnce() {
      if (!this.isNewest) return this.announce(1);
      const last = this.parts.at(-1), ids = last ? [...last.querySelectorAll(".said[id]")] : [];
      const after = last?.dataset.end;
      const html = await fragment(`${this.base.pathname}?${new URLSearchParams(after ? { after } : {})}`, this.ended.signal);
      const part = nodesOf(html).querySelector("ol.part");
      const known = new Set(ids.map((node) => node.id));
      const added = [...part.querySelectorAll(".said")].filter((said) => !known.has(said.id)).length;
      if (!added) return;
      const wasAtEnd = this.isAtEnd;
      if (last && after) last.after(part);
      else if (last) last.replaceWith(part);
      else this.section.querySelector("#later").parentElement.before(part);
      if (last && after && last.children.length + part.children.length < 100) this.join(last, part);
      if (this.parts.length > partsMax) this.keeping(() => this.parts[0].remove());
      this.tidy();
      if (wasAtEnd && this.isStale) this.keepAtEnd();
      else if (wasAtEnd) this.toEnd();
      else this.announce(added);
      this.tell(added === 1 ? "A new message." : `${added} new messages.`);
    }
    // Small parts become one, or a busy hour would be a hundred of them.
    join(last, part) {
      const day = part.firstElementChild;
      if (day?.matches(".day") && last.lastElementChild?.dataset.day === day.dataset.day) day.remove();
      last.append(...part.children);
      Object.assign(last.dataset, { later: part.dataset.later, end: part.dataset.end });
      part.remove();
    }
    // Something came between what is shown, or went: who reads the end has it drawn anew, others are told, and have
    // it when they go there.
    refresh() {
      this.isStale = true;
      // Drawn anew, the place would be lost in which one writes.
      const isWriting = this.section.querySelector("textarea:focus");
      if (this.isNewest && this.isAtEnd && this.known.hidden && !isWriting) open(this.end, { focus: false }).catch(() => {});
      else this.announce(1);
    }
    // The address of what is newest.
    get end() { return `${this.base.pathname.replace(/\/part$/, "")}?${new URLSearchParams(this.filters)}`; }
    announce(many) {
      this.unseen += many;
      this.fresh.hidden = false;
      this.fresh.firstElementChild.textContent = this.isNewest ? `${this.unseen} new` : "New messages";
    }
    seen() {
      if (!this.isNewest || this.isStale) return;
      this.unseen = 0;
      this.fresh.hidden = true;
    }
    toEnd() {
      if (!this.isNewest || this.isStale) return go(this.end);
      this.keepAtEnd();
      this.seen();
    }
    tell(words) { this.told.textContent = words; }
  }

  let thread = page.querySelector(".thread") && new Thread(page.querySelector(".thread"));
  // A menu closes when one goes on elsewhere.
  addEventListener("click", (event) => page.querySelectorAll(".menu[open]").forEach((menu) => menu.contains(event.target) || menu.removeAttribute("open")));
  addEventListener("keydown", (event) => event.key === "Escape" && page.querySelectorAll(".menu[open]").forEach((menu) => { menu.removeAttribute("open"); menu.firstElementChild.focus(); }));
})();
