// Small helpers around the document. Text from the server only ever becomes a text node.

/**
 * The element of this id.
 * @param {string} id
 */
export function $(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error("no element " + id);
  return found;
}

/** @param {string} id */
export const input = (id) => /** @type {HTMLInputElement} */ ($(id));
/** @param {string} id */
export const button = (id) => /** @type {HTMLButtonElement} */ ($(id));
/** @param {string} id */
export const select = (id) => /** @type {HTMLSelectElement} */ ($(id));

/**
 * A new element with attributes and children.
 * @param {string} tag
 * @param {Record<string, string|boolean|number>} [attributes] `true` stands for an empty value, `false` leaves it out.
 * @param {...(Node|string)} children
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  set(made, attributes);
  made.append(...children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * The same for drawings.
 * @param {string} tag
 * @param {Record<string, string|boolean|number>} [attributes]
 * @param {...(Node|string)} children
 */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  set(made, attributes);
  made.append(...children);
  return made;
}

/**
 * @param {Element} made
 * @param {Record<string, string|boolean|number>} attributes
 */
function set(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * A drawing of the sheet at the top of the page.
 * @param {string} name
 * @param {string} [more] further classes
 */
export function icon(name, more = "") {
  return svg("svg", { class: "icon " + more, "aria-hidden": "true" }, svg("use", { href: "#i-" + name }));
}

/**
 * Writes a text only when it differs, so that nothing is read out twice and selections stay.
 * @param {Element} node
 * @param {string} value
 */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** What the browser keeps for this page; private windows may refuse. */
export const keep = {
  /** @param {string} key */
  get(key) {
    try { return localStorage.getItem("uc-" + key); } catch { return null; }
  },
  /**
   * @param {string} key
   * @param {string|null} value
   */
  set(key, value) {
    try {
      if (value === null) localStorage.removeItem("uc-" + key);
      else localStorage.setItem("uc-" + key, value);
    } catch { /* kept for this window only */ }
  },
};
