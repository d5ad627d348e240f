// Choosing several exports at once. Without it, boxes and buttons work as any form.

const chosen = () => [...document.querySelectorAll("input[name=export]:checked")];
const boxes = () => [...document.querySelectorAll("input[name=export]")];

function tellHowMany() {
  const many = chosen().length, all = document.getElementById("choose-all"), said = document.getElementById("how-many");
  if (!all) return;
  const text = many ? `${many} chosen` : "";
  if (said.textContent !== text) said.textContent = text;
  all.checked = many > 0 && many === boxes().length;
  all.indeterminate = many > 0 && many < boxes().length;
}
addEventListener("change", (event) => {
  if (event.target.id === "choose-all") boxes().forEach((box) => (box.checked = event.target.checked));
  if (event.target.id === "choose-all" || event.target.name === "export") tellHowMany();
});
addEventListener("pageshow", tellHowMany);
addEventListener("htmx:afterSwap", tellHowMany);

// What is chosen stays so when the list is fetched again.
if (window.Idiomorph) {
  const callbacks = Idiomorph.defaults.callbacks, before = callbacks.beforeNodeMorphed;
  callbacks.beforeNodeMorphed = (old, fresh) => {
    const isSameBox = old.localName === "input" && old.type === "checkbox" && old.id !== "" && old.id === fresh.id;
    return !isSameBox && (before?.(old, fresh) ?? true);
  };
}

// An estimate on its way says so, once it takes longer than a moment.
let late;
addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id !== "estimating") return;
  clearTimeout(late);
  late = setTimeout(() => {
    const shown = document.getElementById("estimate");
    if (shown) shown.textContent = "Counting …";
  }, 100);
});
addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id !== "estimating") return;
  clearTimeout(late);
  const shown = document.getElementById("estimate");
  if (!event.detail.successful && shown) shown.textContent = "Counting did not work; you can export all the same.";
});
