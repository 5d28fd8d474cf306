// Start: language, session, and the frame around whatever view the address names.
import { forgetDocuments, loadSession, signIn } from "./core/api.js";
import { html, render, useEffect } from "./core/dom.js";
import { connection, startLive, stopLive } from "./core/live.js";
import "./core/recent.js";
import { location_ } from "./core/router.js";
import { session } from "./core/session.js";
import { useStore } from "./core/store.js";
import { loadLanguage, useLanguage } from "./core/texts.js";
import { Announcer } from "./parts/announcer.js";
import { Connecting } from "./parts/connecting.js";
import { Shell } from "./parts/shell.js";
import { CurrentView, routeOf } from "./views/index.js";
import { SignIn } from "./views/sign_in.js";

const KEY = /^#key=(.+)$/;
const AGAIN_MS = 2000;

function App() {
  useLanguage();
  const now = useStore(session);
  const isSignedIn = Boolean(now?.role);
  useEffect(() => {
    if (!isSignedIn) return undefined;
    startLive();
    return stopLive;
  }, [isSignedIn, now?.name]);
  if (!now) return html`<${Connecting} />`;
  if (!isSignedIn) return html`<${SignIn} host=${now.host} /><${Announcer} />`;
  return html`<${Shell}><${CurrentView} /></${Shell}><${Announcer} />`;
}

// The key comes once, in the address that `sriovctl page` prints; it is not left there.
async function useKey() {
  const key = KEY.exec(location.hash)?.[1];
  if (!key) return;
  location.replace("#/");
  try {
    await signIn(decodeURIComponent(key));
  } catch {
    // Spent or unknown: the form asks for another.
  }
}

async function meet() {
  for (;;) {
    try {
      await loadSession();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

// After the host was away it may know us no more, or be another version.
connection.follow((state) => {
  if (state === "live") loadSession().catch(() => {});
});
session.follow((now) => {
  if (!now?.role) forgetDocuments();
});

// The view comes while the host is being asked who we are.
routeOf(location_.get().path)?.route.load().catch(() => {});
await loadLanguage();
render(html`<${App} />`, document.getElementById("page"));
await useKey();
await meet();
