// The columns of a file in the form that makes an index of it: each has a list, to name its type.
import { element } from "./element.js";
import { TYPES } from "./schema.js";

/**
 * Lists for these columns: `part`, the part of the form; `types()`, a map from columns to the types that are
 * named; `show(schema, key)`, which tells what the others are, and which must be named.
 */
export function createColumns(columns) {
  const lists = columns.map(() => element("select", {}, element("option", { value: "" }), ...TYPES.map((type) => element("option", { value: type, text: type }))));
  const labels = columns.map(({ name }, at) => element("label", {}, element("span", { textContent: name || "(no name)" }), lists[at]));
  return {
    part: element("fieldset", { className: "types" }, element("legend", { textContent: "Types, as the values say or as you name them" }), ...labels),
    types: () => new Map(columns.map(({ name }, at) => [name, lists[at].value]).filter(([, type]) => type)),
    show(schema, key) {
      columns.forEach(({ name, type, keyType }, at) => {
        lists[at].options[0].text = `${(name === key && keyType) || type} (inferred)`;
        lists[at].setAttribute("aria-invalid", String(Boolean(schema.columns[at].problem)));
      });
    },
  };
}
