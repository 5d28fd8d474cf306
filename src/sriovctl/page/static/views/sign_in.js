import { signIn } from "../core/api.js";
import { html, useState } from "../core/dom.js";
import { t } from "../core/texts.js";
import { ErrorAlert } from "../parts/alert.js";
import { Mark } from "../parts/icons.js";
import { LanguageSwitch, ThemeSwitch } from "../parts/switches.js";

/** Asks for a token, where the way to the host does not say who one is. */
export function SignIn({ host }) {
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  async function submit(event) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(new FormData(event.target).get("token").trim());
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  }
  return html`<main class="lonely">
    <form class="card sign-in" onSubmit=${submit}>
      <${Mark} />
      <h1>${t("sign_in.title", { host: host.hostname })}</h1>
      <p class="lead">${t("sign_in.lead")}</p>
      <label for="token">${t("sign_in.token")}</label>
      <input id="token" name="token" type="password" autocomplete="current-password" required
        autofocus spellcheck="false" />
      ${error && html`<${ErrorAlert} error=${error} />`}
      <button type="submit" class="primary" disabled=${isBusy}>${t("sign_in.submit")}</button>
      <p class="hint">${t("sign_in.hint")}<br /><code>sriovctl api token NAME --role read</code></p>
    </form>
    <div class="actions"><${ThemeSwitch} /><${LanguageSwitch} /></div>
  </main>`;
}
