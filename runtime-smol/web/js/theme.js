// Light, dark, or as the system is. Loaded before the first paint, so that nothing flashes.
(() => {
  const root = document.documentElement;
  try {
    const kept = localStorage.getItem("uc-theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  } catch { /* as the system is */ }
  addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-theme-switch]")) return;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("uc-theme", root.dataset.theme); } catch { /* for this window only */ }
  });
})();
