// The frame: header, navigation, the place of the view, footer.
import { signOut } from "../core/api.js";
import { html, useState } from "../core/dom.js";
import { useLocation } from "../core/router.js";
import { session } from "../core/session.js";
import { useStore } from "../core/store.js";
import { t } from "../core/texts.js";
import { ROUTES, routeOf } from "../views/index.js";
import { AwayNotice } from "./away_notice.js";
import { ConnectionState } from "./connection_state.js";
import { Dialog } from "./dialog.js";
import { Icon, Mark } from "./icons.js";
import { NewVersion } from "./new_version.js";
import { LanguageSwitch, ThemeSwitch } from "./switches.js";

const FIRST = 4; // entries of the bar at the bottom of a small screen; "more" has the others

export function Shell({ children }) {
  return html`
    <a class="skip" href="#main" onClick=${skip}>${t("shell.skip")}</a>
    <${Header} />
    <div class="frame">
      <${Navigation} />
      <main id="main" tabindex="-1"><${AwayNotice} /><${NewVersion} />${children}</main>
    </div>
    <${Footer} />
  `;
}

// "#main" would be taken for the address of a view.
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function Header() {
  const now = useStore(session);
  return html`<header class="top">
    <a class="brand" href="#/" aria-label=${`sriovctl: ${t("shell.to_overview")}`}><${Mark} /><span>sriovctl</span></a>
    <div class="host">
      <strong>${now.host.hostname}</strong>
      ${now.host.simulated && html`<span class="host-note">${t("shell.simulated")}</span>`}
      ${now.host.read_only && html`<span class="host-note" title=${now.host.read_only}>${t("shell.read_only")}</span>`}
    </div>
    <${ConnectionState} />
    <div class="top-end">
      <${Who} now=${now} />
      <${ThemeSwitch} />
      <${LanguageSwitch} />
    </div>
  </header>`;
}

function Who({ now }) {
  const canLeave = now.csrf !== null; // by peer credentials nobody signed in, and nobody signs out
  return html`<span class="who">
    <span title=${now.name}>${t(`shell.role.${now.role}`)}</span>
    ${canLeave && html`<button type="button" class="quiet" onClick=${() => signOut()}>${t("shell.sign_out")}</button>`}
  </span>`;
}

function Navigation() {
  const { path } = useLocation();
  const [isOpen, setOpen] = useState(false);
  const current = routeOf(path)?.route;
  const entries = ROUTES.filter((one) => one.icon);
  const close = () => setOpen(false);
  return html`<nav class="places" aria-label=${t("shell.navigation")}>
    <ul>
      ${entries.map((one, at) => html`<li key=${one.pattern} class=${at < FIRST ? "" : "is-further"}>
        <${Entry} route=${one} current=${current} />
      </li>`)}
      <li class="is-more">
        <button type="button" class="place" aria-haspopup="dialog" onClick=${() => setOpen(true)}>
          <${Icon} name="more" /><span>${t("shell.more")}</span>
        </button>
      </li>
    </ul>
    <${Dialog} title=${t("shell.more")} open=${isOpen} onClose=${close}>
      <ul class="further" onClick=${close}>
        ${entries.slice(FIRST).map((one) => html`<li key=${one.pattern}>
          <${Entry} route=${one} current=${current} />
        </li>`)}
      </ul>
      <${Who} now=${useStore(session)} />
    </${Dialog}>
  </nav>`;
}

function Entry({ route, current }) {
  const isHere = route === current;
  return html`<a class="place" href=${`#${route.pattern}`} aria-current=${isHere ? "page" : undefined}>
    <${Icon} name=${route.icon} /><span>${t(route.title)}</span>
  </a>`;
}

function Footer() {
  const now = useStore(session);
  return html`<footer class="bottom">
    <span>sriovctl ${now.version}</span>
    <span>${t("shell.signed_in_as", { name: now.name ?? t("shell.nobody") })}</span>
  </footer>`;
}
