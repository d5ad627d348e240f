// What somebody wrote in a thread and is not stored yet: sent once, in order, and kept until it is, or is thrown away.

const unsentAs = (form) => `chatlog-unsent ${form.dataset.me} ${form.dataset.thread}`;
// Shared machines are handed on: what one leaves behind goes when one signs out. When a session ends by itself it stays.
addEventListener("submit", (event) => {
  if (!event.target.matches("form[action='/sign-out']")) return;
  for (const name of Object.keys(sessionStorage)) if (name.startsWith("chatlog-unsent ")) sessionStorage.removeItem(name);
});

// One a thread, however often its pane is drawn anew meanwhile; `shown` is told of every change.
class Unsent {
  static known = new Map();
  static of(form) {
    const name = unsentAs(form);
    if (!Unsent.known.has(name)) Unsent.known.set(name, new Unsent(name));
    return Object.assign(Unsent.known.get(name), { address: form.dataset.api, token: form.elements.csrf_token.value });
  }

  constructor(name) {
    this.name = name;
    this.items = [];
    this.draft = { text: "" };
    this.shown = { changed() {}, stored() {}, refused() {} };
    try {
      Object.assign(this, JSON.parse(sessionStorage.getItem(name) ?? "{}"));
    } catch { /* what another version kept */ }
    // Whether these arrived, nobody knows: under their keys they are sent again, and written once. The session may
    // be another one by now, and there may be a connection.
    for (const item of this.items) if (item.state === "sending" || item.isCutOff || [401, 429].includes(item.status)) Object.assign(item, { state: "waiting", status: 0 });
  }
  keep() {
    const { items, draft } = this;
    try {
      if (items.length || draft.text || draft.about) sessionStorage.setItem(this.name, JSON.stringify({ items, draft }));
      else sessionStorage.removeItem(this.name);
    } catch { /* no room, or none allowed: it is here as long as the page is */ }
  }
  write(draft) { this.draft = draft; this.keep(); }

  // `what` is new, edit or delete; an edit and a deletion name a message and the state of it that was seen.
  add(what, fields) {
    const random = crypto.getRandomValues(new Uint8Array(16));
    const key = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.items.push({ what, key, state: "waiting", ...fields });
    this.changed();
    this.resume();
  }
  again(key) {
    const item = this.items.find((one) => one.key === key);
    clearTimeout(this.later);
    this.later = null;
    if (item) Object.assign(item, { state: "waiting", why: "" });
    this.changed();
    this.flush();
  }
  drop(key) {
    this.items = this.items.filter((one) => one.key !== key);
    this.changed();
  }
  changed() {
    this.keep();
    this.shown.changed();
  }

  // What waits is sent, one after the other: so it is read in the order in which it was written.
  flush() {
    if (this.later) return Promise.resolve();
    this.sending ??= this.sendAll().finally(() => { this.sending = null; });
    return this.sending;
  }
  async sendAll() {
    for (let item; (item = this.items.find((one) => one.state === "waiting"));) {
      item.state = "sending";
      this.changed();
      if (!(await this.send(item))) return;
    }
  }
  // Tells whether to go on with the next.
  async send(item) {
    let answer;
    try {
      answer = await this.ask(item);
    } catch {
      Object.assign(item, { state: "failed", isCutOff: true, why: "No connection: it is sent when there is one again." });
      this.changed();
      return false;
    }
    item.isCutOff = false;
    if (answer.ok) {
      const message = answer.status === 204 ? { id: item.id } : await answer.json().catch(() => ({ id: item.id }));
      await this.shown.stored(item, message).catch(() => {});
      this.drop(item.key);
      return true;
    }
    const { detail = "" } = await answer.json().catch(() => ({}));
    // What is gone needs no deletion.
    if (item.what === "delete" && answer.status === 404) return this.drop(item.key), true;
    Object.assign(item, { state: "failed", status: answer.status, why: this.reason(answer, detail) });
    const waitS = answer.status === 429 && Number(answer.headers.get("Retry-After"));
    if (waitS) this.later = setTimeout(() => this.again(item.key), waitS * 1000);
    this.changed();
    await this.shown.refused(item, answer).catch(() => {});
    return ![401, 429].includes(answer.status) && answer.status < 500;
  }
  ask({ what, key, text, reply_to, id, tag }) {
    const method = { new: "POST", edit: "PUT", delete: "DELETE" }[what];
    const headers = { "X-CSRF-Token": this.token, "Accept": "application/json" };
    if (what === "new") headers["Idempotency-Key"] = key;
    else headers["If-Match"] = tag;
    const content = { text };
    const body = what === "delete" ? undefined : JSON.stringify(what === "new" && reply_to ? { content, reply_to } : { content });
    if (body) headers["Content-Type"] = "application/json";
    return fetch(id ? `${this.address}/${id}` : this.address, { method, headers, body, signal: AbortSignal.timeout(20_000) });
  }
  reason(answer, detail) {
    const wait = Number(answer.headers.get("Retry-After"));
    switch (answer.status) {
      case 401: return "Your session is over. Sign in again: what you wrote is kept here.";
      case 409: return "This thread is full, and takes no more messages: begin another.";
      case 412: return "Somebody was faster: the thread shows what there is now.";
      case 429: return `Too much at once: it is sent again in ${wait} second${wait === 1 ? "" : "s"}.`;
      case 404: return "The thread, or the message, is not there any more.";
      default: return answer.status >= 500 ? "The server has a problem just now." : detail || "The server refuses it.";
    }
  }
  // There may be a connection again.
  resume() {
    for (const item of this.items) if (item.isCutOff) Object.assign(item, { state: "waiting", why: "" });
    return this.flush();
  }
}
