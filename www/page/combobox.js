// An editable combobox with a list (the ARIA pattern): focus stays in the field, arrows walk the list.

/**
 * `find(text)` gives `{ isThere, entries }`: those that begin with the text, or if none is there, what may
 * be meant; `draw(entry, text)` the content of an option as nodes; `onPreview(entry)` when one becomes the
 * active one; `onCommit(entry)` when one is chosen; `onAbsent(text, entries)` when what was typed is not there;
 * `onEmpty()` when the field was emptied.
 */
export function createCombobox(input, list, { find, draw, onPreview, onCommit, onAbsent, onEmpty }) {
  let entries = [];
  let active = -1;

  const open = (yes) => input.setAttribute("aria-expanded", String(yes && entries.length > 0));
  const isOpen = () => input.getAttribute("aria-expanded") === "true";

  function activate(next, preview = true) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = next;
    const option = list.children[active];
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", option.id);
    // Not scrollIntoView: that would move the page too.
    const [top, bottom] = [option.offsetTop - list.offsetTop, option.offsetTop - list.offsetTop + option.offsetHeight];
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
    if (preview) onPreview(entries[active]);
  }

  function fill(text) {
    const found = find(text);
    entries = found.entries;
    active = -1;
    list.replaceChildren(
      ...entries.map((entry, i) => {
        const option = document.createElement("li");
        option.id = `letter-${i}`;
        option.role = "option";
        option.setAttribute("aria-selected", "false");
        option.append(...draw(entry, text));
        return option;
      }),
    );
    list.scrollTop = 0;
    return found.isThere;
  }

  function commit() {
    if (!entries[active]) return;
    const entry = entries[active];
    input.value = entry.spelt;
    open(false);
    onCommit(entry);
  }

  input.addEventListener("input", () => {
    const isThere = fill(input.value);
    open(true);
    // What is only spelt nearly so is not what was asked for: it waits to be chosen.
    activate(isThere && input.value.trim() ? 0 : -1);
    if (!input.value.trim()) onEmpty();
    else if (!isThere) onAbsent(input.value.trim(), entries);
  });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => open(true));
  input.addEventListener("blur", () => open(false));
  input.addEventListener("keydown", (event) => {
    const last = entries.length - 1;
    if (event.isComposing) return;
    if (event.key === "ArrowDown") {
      open(true);
      activate(active >= last ? 0 : active + 1);
    } else if (event.key === "ArrowUp") {
      open(true);
      activate(active <= 0 ? last : active - 1);
    } else if (event.key === "PageDown") activate(Math.min(last, active + 10));
    else if (event.key === "PageUp") activate(Math.max(0, active - 10));
    else if (event.key === "Enter") commit();
    else if (event.key === "Escape") {
      if (isOpen()) open(false);
      else {
        input.value = "";
        fill("");
        activate(-1);
        onEmpty();
      }
    } else return;
    event.preventDefault();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // focus stays in the field
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (!option) return;
    activate([...list.children].indexOf(option), false);
    commit();
  });

  return {
    /** Puts a word into the field and its part of the alphabet into the list, the entry of `row` active. */
    set(text, row) {
      input.value = text;
      fill(text);
      activate(Math.max(0, entries.findIndex((entry) => entry.row === row)), false);
    },
  };
}
