// Hotkeys as the administrator writes them: `Alt+A`, `Ctrl+Shift+F9`, `F1`; empty: none.

/** @typedef {{alt: boolean, ctrl: boolean, shift: boolean, meta: boolean, key: string}} Hotkey */

/** @type {Record<string, "alt"|"ctrl"|"shift"|"meta">} */
const MODIFIERS = { alt: "alt", option: "alt", ctrl: "ctrl", control: "ctrl", strg: "ctrl", shift: "shift", meta: "meta", cmd: "meta", win: "meta" };
/** @type {Record<string, string>} */
const NAMES = { esc: "escape", return: "enter", del: "delete", ins: "insert", space: " ", plus: "+", up: "arrowup", down: "arrowdown", left: "arrowleft", right: "arrowright", pgup: "pageup", pgdn: "pagedown" };

/**
 * @param {string|null|undefined} words
 * @returns {Hotkey|null} `null` when it is empty or not understood
 */
export function parse(words) {
  const parts = (words ?? "").trim().split("+").map((part) => part.trim());
  const last = (parts.pop() ?? "").toLowerCase();
  const hotkey = { alt: false, ctrl: false, shift: false, meta: false, key: NAMES[last] ?? last };
  if (!hotkey.key || MODIFIERS[hotkey.key]) return null;
  for (const part of parts) {
    const modifier = MODIFIERS[part.toLowerCase()];
    if (!modifier) return null;
    hotkey[modifier] = true;
  }
  return hotkey.key.length === 1 || /^[a-z]+\d*$/.test(hotkey.key) ? hotkey : null;
}

/**
 * Whether a key press is this hotkey. Letters and digits also count by their place on the keyboard: Alt and a letter makes another character on some.
 * @param {Hotkey|null} hotkey
 * @param {KeyboardEvent} event
 */
export function hits(hotkey, event) {
  if (!hotkey || event.altKey !== hotkey.alt || event.ctrlKey !== hotkey.ctrl || event.metaKey !== hotkey.meta) return false;
  const letter = /^[a-z0-9]$/.test(hotkey.key);
  if (event.shiftKey !== hotkey.shift && (letter || hotkey.key.length > 1)) return false;
  if (event.key.toLowerCase() === hotkey.key) return true;
  const latin = /^[a-z0-9]$/i.test(event.key);
  return letter && !latin && event.code.toLowerCase() === (/\d/.test(hotkey.key) ? "digit" : "key") + hotkey.key;
}

/**
 * For `aria-keyshortcuts`.
 * @param {Hotkey} hotkey
 */
export function aria(hotkey) {
  const key = hotkey.key === " " ? "Space" : hotkey.key === "+" ? "Plus" : hotkey.key.charAt(0).toUpperCase() + hotkey.key.slice(1);
  return [hotkey.ctrl && "Control", hotkey.alt && "Alt", hotkey.shift && "Shift", hotkey.meta && "Meta", key].filter(Boolean).join("+");
}
