// Writing in a thread: what is sent shows at once, and then as it is stored, or why it is not. Without it, forms do.

(() => {
  const longestWaitMs = 3000;
  const sheet = (html) => { const template = document.createElement("template"); template.innerHTML = html; return template.content.firstElementChild; };

  class Writing {
    constructor(thread, form) {
      Object.assign(this, { thread, form, section: thread.section, text: form.elements.text });
      this.unsent = Unsent.of(form);
      this.unsent.shown = this;
      this.list = sheet(`<ol class="unsent" aria-label="Not stored yet"></ol>`);
      thread.scroller.append(this.list);
      this.question = this.section.querySelector("#ask-delete");
      const { text, about } = this.unsent.draft;
      if (text && !this.text.value) this.text.value = text;
      const replied = form.elements.reply_to.value;
      if (replied) this.turnTo({ what: "reply", id: replied, shown: form.querySelector(".which").textContent });
      else if (about) this.turnTo(about);
      // What comes live waits for the answer of what is being sent, or both would be seen; but not for long.
      thread.settled = () => Promise.race([this.unsent.sending ?? Promise.resolve(), new Promise((resolve) => setTimeout(resolve, longestWaitMs))]);
      thread.reconnected = () => this.unsent.resume();

      const signal = thread.ended.signal;
      this.text.addEventListener("input", () => { this.fit(); this.note(); });
      this.text.addEventListener("keydown", (event) => {
        if (event.isComposing) return;
        if (event.key === "Enter" && !event.shiftKey) event.preventDefault(), this.send();
        else if (event.key === "Escape" && this.about) event.stopPropagation(), this.turnTo(null);
      });
      form.querySelector("button").addEventListener("click", (event) => { event.preventDefault(); this.send(); });
      this.section.addEventListener("click", (event) => this.clicked(event), { capture: true, signal });
      this.fit();
      this.changed();
      this.unsent.flush();
    }

    // ── The field: of a new message, of a reply, or of an edit ──
    get about() { return this.unsent.draft.about; }
    note() { this.unsent.write({ ...this.unsent.draft, text: this.text.value }); }
    fit() {
      this.text.rows = 1;
      const line = parseFloat(getComputedStyle(this.text).lineHeight);
      this.text.rows = Math.min(8, Math.max(1, Math.floor(this.text.scrollHeight / line)));
    }
    turnTo(about) {
      const before = this.about, place = this.form.querySelector(".about"), isEdit = about?.what === "edit";
      // What was being written meanwhile comes back when an edit is over.
      const kept = before?.what === "edit" ? before.kept : this.text.value;
      if (isEdit && about !== before) this.text.value = about.text, (about = { ...about, kept });
      else if (before?.what === "edit" && about !== before) this.text.value = kept;
      place.hidden = !about;
      this.form.classList.toggle("editing", isEdit);
      place.querySelector(".what").textContent = isEdit ? "Editing" : "Reply to";
      place.querySelector(".which").textContent = about?.shown ?? "";
      this.form.querySelector("button").textContent = isEdit ? "Save" : "Send";
      this.unsent.write({ text: this.text.value, about: about ?? undefined });
      this.fit();
    }
    send() {
      const text = this.text.value.trim(), about = this.about;
      if (!text) return this.text.focus();
      if (about?.what === "edit") {
        this.turnTo(null);
        if (text !== about.text) this.unsent.add("edit", { id: about.id, tag: about.tag, text });
      } else {
        this.text.value = "";
        this.turnTo(null);
        this.unsent.add("new", { text, reply_to: about?.id, shown: about?.shown });
      }
      this.text.focus();
      // What is sent is read at the end: who reads elsewhere goes there.
      if (!this.thread.isNewest) this.thread.toEnd();
      else this.thread.keepAtEnd();
    }

    clicked(event) {
      const link = event.target.closest("[data-about], [data-delete-now], .unsent button");
      if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      const item = link.closest(".unsent li");
      if (item) return this.unsent[link.dataset.does](item.dataset.key);
      if ("deleteNow" in link.dataset) {
        this.question.hidePopover();
        return this.unsent.add("delete", this.asked);
      }
      const said = link.closest(".said"), shown = said?.querySelector(".bubble > .text")?.textContent ?? "";
      const message = said && { id: said.id.slice(2), tag: said.dataset.tag, shown: shown.slice(0, 160), text: shown };
      switch (link.dataset.about) {
        case "none": this.turnTo(null); break;
        case "reply": this.turnTo({ what: "reply", ...message }); break;
        case "edit": this.turnTo({ what: "edit", ...message }); break;
        case "delete":
          this.asked = message;
          this.question.querySelector(".which").textContent = message.shown || "(without text)";
          return this.question.showPopover();
      }
      this.text.focus();
    }

    // ── What is not stored yet ──
    changed() {
      const drawn = new Map([...this.list.children].map((node) => [node.dataset.key, node]));
      const shown = this.unsent.items.filter((item) => item.what === "new" || item.state === "failed").map((item) => this.draw(item, drawn.get(item.key)));
      this.list.replaceChildren(...shown);
      this.section.querySelectorAll(".said.going").forEach((said) => said.classList.remove("going"));
      // Edits and deletions show where the message is, as if they were done.
      for (const { what, id, text, state } of this.unsent.items) {
        const said = id && state !== "failed" && document.getElementById(`m-${id}`);
        if (!said) continue;
        said.classList.add("going");
        if (what === "edit") said.querySelector(".bubble > .text").textContent = text;
      }
    }
    draw(item, node = sheet(`<li class="said end"><p class="by"><bdi>You</bdi></p><div class="bubble"><p class="quoted" hidden><span class="visually-hidden">In reply to: </span><span dir="auto"></span></p><p class="text" dir="auto"></p></div><div class="below"><p class="why-not" role="alert"></p><p class="actions"></p></div><p class="marks"><span class="stands"></span></p></li>`)) {
      const isFailed = item.state === "failed", name = { new: "Message", edit: "Edit", delete: "Deletion" }[item.what];
      node.dataset.key = item.key;
      node.classList.toggle("failed", isFailed);
      node.querySelector(".quoted").hidden = !item.shown || item.what !== "new";
      node.querySelector(".quoted [dir]").textContent = item.shown ?? "";
      node.querySelector(".bubble > .text").textContent = item.text;
      node.querySelector(".stands").textContent = isFailed ? `${name} not ${item.what === "new" ? "sent" : "done"}` : "Sending …";
      const why = node.querySelector(".why-not"), said = isFailed ? item.why : "";
      if (why.textContent !== said) why.textContent = said;
      node.querySelector(".actions").replaceChildren(...(isFailed ? this.ways(item) : []));
      return node;
    }
    ways(item) {
      const button = (does, words) => Object.assign(document.createElement("button"), { type: "button", textContent: words }), link = (href, words) => Object.assign(document.createElement("a"), { href, textContent: words, className: "button" });
      const again = button("again", "Try again"), drop = button("drop", "Throw away");
      again.dataset.does = "again";
      drop.dataset.does = "drop";
      drop.className = "plain";
      if (item.status === 401) return [link(`/sign-in?${new URLSearchParams({ next: location.pathname })}`, "Sign in"), drop];
      if (item.status === 409) return [link("/threads/new", "New thread"), again, drop];
      return [again, drop];
    }
    // Stored: drawn by the server, in the place of what was drawn here.
    async stored(item, { id }) {
      if (item.what !== "new") return this.thread.bring([id]);
      await this.thread.catchUp();
    }
    // Where somebody was faster, what there is now is what the next try is about.
    async refused(item, answer) {
      if (item.what === "new") return;
      await this.thread.bring([item.id]).catch(() => {});
      const now = document.getElementById(`m-${item.id}`)?.dataset.tag;
      if (answer.status === 412 && now) item.tag = now, this.unsent.keep();
    }
  }

  document.addEventListener("thread", (event) => {
    const form = event.detail.section.querySelector("#write");
    if (form) new Writing(event.detail, form);
  });
})();
