// Which view stands at which address.  A view is loaded when it is first shown.
import { html, useEffect, useRef, useState } from "../core/dom.js";
import { match, useLocation } from "../core/router.js";
import { session } from "../core/session.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Alert } from "../parts/alert.js";
import { Boundary } from "../parts/boundary.js";
import { Loading } from "../parts/loading.js";

/** In the order of the navigation; `icon` makes an entry there, `styles` are in style/views. */
export const ROUTES = [
  { pattern: "/", title: "overview.title", icon: "overview", load: () => import("./overview.js") },
  { pattern: "/topology", title: "topology.title", icon: "topology", styles: ["topology", "tree"], load: () => import("./topology.js") },
  { pattern: "/doctor", title: "doctor.title", icon: "doctor", load: () => import("./doctor.js") },
  { pattern: "/change", title: "change.title", icon: "change", load: () => import("./change.js") },
  { pattern: "/guests", title: "guests.title", icon: "guests", load: () => import("./guests.js") },
  { pattern: "/pools", title: "pools.title", icon: "pools", load: () => import("./pools.js") },
  { pattern: "/history", title: "history.title", icon: "history", load: () => import("./history.js") },
  { pattern: "/events", title: "events.title", icon: "events", load: () => import("./events.js") },
  { pattern: "/pf/:address", title: "pf.title", styles: ["function", "plan"], load: () => import("./pf.js") },
  { pattern: "/vf/:address/:index", title: "vf.title", styles: ["function", "plan"], load: () => import("./vf.js") },
];

/**
 * The route of a path, and what its pattern found.
 * @param {string} path
 */
export function routeOf(path) {
  for (const route of ROUTES) {
    const params = match(route.pattern, path);
    if (params) return { route, params };
  }
  return null;
}

/** What the address names. */
export function CurrentView() {
  const { path, query } = useLocation();
  const found = routeOf(path);
  const { view, error } = useView(found?.route);
  useTitle(found);
  useFocusOnArrival(path);
  if (!found) return html`<${NotFound} />`;
  if (error) return html`<${Alert} kind="bad" title=${t("shell.view_failed")} />`;
  if (!view) return html`<${Loading} />`;
  return html`<${Boundary} key=${path}><${view} ...${found.params} query=${query} /></${Boundary}>`;
}

function useView(route) {
  const [state, setState] = useState({});
  useEffect(() => {
    if (!route) return undefined;
    let isWanted = true;
    Promise.all([route.load(), ...(route.styles ?? []).map(loadStyle)]).then(
      ([module]) => isWanted && setState({ route, view: module.default }),
      (error) => isWanted && setState({ route, error }),
    );
    return () => {
      isWanted = false;
    };
  }, [route]);
  return state.route === route ? state : {};
}

function useTitle(found) {
  useEffect(() => {
    const subject = found?.params.address ?? null;
    const parts = [subject, found && t(found.route.title), session.get()?.host?.hostname, "sriovctl"];
    document.title = parts.filter(Boolean).join(" · ");
  });
}

// A screen reader begins to read at the new view, as after loading a page.
function useFocusOnArrival(path) {
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) {
      document.getElementById("main")?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [path]);
}

function NotFound() {
  return html`<${Alert} kind="info" title=${t("shell.not_found")}>
    <a href="#/">${t("shell.to_overview")}</a>
  </${Alert}>`;
}
