// Before anything is painted: the colours and the language that were chosen here last.
(function () {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("sriovctl.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    const language = localStorage.getItem("sriovctl.language") || navigator.language || "en";
    root.lang = language.startsWith("zh") ? "zh" : "en";
  } catch {
    // Without storage the browser's own wish decides.
  }
})();
