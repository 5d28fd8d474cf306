// Change the host: edit its state, read the plan, apply it, and go back if need be.
import { etagOf, read, send } from "../core/api.js";
import { useDocument } from "../core/documents.js";
import { html, useCallback, useMemo, useRef, useState } from "../core/dom.js";
import { includes, session } from "../core/session.js";
import { useStore } from "../core/store.js";
import { loadStyle } from "../core/styles.js";
import { t } from "../core/texts.js";
import { Loading } from "../parts/loading.js";
import { ErrorAlert } from "../parts/alert.js";
import { DraftCard, DraftFoot } from "../parts/change/draft_card.js";
import { placeOf } from "../parts/change/place.js";
import { PlanCard } from "../parts/change/plan_card.js";
import { UnderWay } from "../parts/change/under_way.js";
import { gather } from "../parts/draft/compare.js";
import { useDraft } from "../parts/draft/use_draft.js";
import { Meanwhile } from "../parts/meanwhile.js";
import { PageHead } from "../parts/page_head.js";
import { StateForm } from "../parts/state_form/state_form.js";
import { Tabs } from "../parts/tabs.js";
import { YAMLEditor } from "../parts/yaml_editor.js";

await Promise.all([loadStyle("plan"), loadStyle("change")]);

const NOTHING = { plan: null, forText: null, error: null, isBusy: false };

export default function Change({ query }) {
  const state = useDocument("/v1/state");
  const host = useMemo(() => state.document && hostOf(state.document), [state.document]);
  const draft = useDraft(host);
  if (!draft) {
    return html`<${PageHead} title=${t("change.title")} lead=${t("change.lead")} />
      ${state.error ? html`<${ErrorAlert} error=${state.error} onRetry=${state.reload} />` : html`<${Loading} />`}`;
  }
  return html`<${Workplace} draft=${draft} host=${host} reload=${state.reload} query=${query} />`;
}

const hostOf = (document) => (
  { state: document.state, leftOut: document.left_out, etag: etagOf(document) }
);

function Workplace({ draft, host, reload, query }) {
  const [tab, setTab] = useState(query.tab === "yaml" ? "yaml" : "form");
  const [goTo, setGoTo] = useState(null);
  const [job, setJob] = useState(null);
  const { wrong, onWrong } = useWrongFields();
  const { preview, lookAhead, forget } = usePlan(draft, reload);
  const side = useRef(null);
  const [sent, newest] = [useRef(null), useRef(null)];
  const isBehind = draft.isBehind && draft.changes.length > 0;
  const look = async () => {
    await lookAhead();
    side.current?.focus();
  };
  const showPlace = (place) => {
    setTab("yaml");
    setGoTo({ ...place });
  };
  const start = (begun) => {
    sent.current = { job: begun.job, text: draft.text };
    setJob(begun);
    forget();
  };
  const end = async (ended) => {
    const text = sent.current?.job === ended.job ? sent.current.text : null;
    if (ended.state === "done") draft.edit({ kind: "ended", text });
    newest.current = ended.job;
    reload();
    try {
      const base = hostOf(await read("/v1/state"));
      // Somebody may have undone it by now: what was read before that is told no more.
      if (newest.current === ended.job) draft.edit({ kind: "settle", base });
    } catch {
      // It is read anew in any case, and says there what is wrong.
    }
  };
  const restart = () => {
    draft.edit({ kind: "restart", base: host });
    forget();
  };
  const count = useMemo(() => gather(draft.changes).length, [draft.changes]);
  const bar = { draft, host, count, wrong, isBehind, isBusy: preview.isBusy, onPreview: look, onRestart: restart };
  return html`
    <${PageHead} title=${t("change.title")} lead=${t("change.lead")} />
    <${UnderWay} own=${job} onJob=${setJob} />
    <div class="change">
      <div class="change-edit">
        <${Tabs} label=${t("change.views")} value=${tab} onChoose=${setTab} tabs=${[
    { id: "form", label: t("change.form") }, { id: "yaml", label: t("change.yaml") },
  ]}>
          ${tab === "form" ? html`<${Form} draft=${draft} wanted=${query} onWrong=${onWrong} onYAML=${showPlace} />`
    : html`<${YAML} draft=${draft} error=${preview.error} goTo=${goTo} onSubmit=${look} />`}
        </${Tabs}>
      </div>
      <div class="change-side stack" tabindex="-1" ref=${side} role="region" aria-label=${t("change.what_will")}>
        ${isBehind && html`<${Meanwhile} draft=${draft} host=${host} onRestart=${restart} onRebase=${() => {
    draft.edit({ kind: "rebase", base: host });
    forget();
  }} />`}
        <${DraftCard} ...${bar} />
        <${PlanCard} preview=${preview} isStale=${preview.forText !== draft.text} isBehind=${isBehind} job=${job} onStarted=${start} onJob=${setJob} onEnd=${end}
          onClose=${() => setJob(null)} onPlace=${showPlace} onPreview=${look} />
      </div>
      ${!job && html`<${DraftFoot} ...${bar} />`}
    </div>`;
}

function Form({ draft, wanted, onWrong, onYAML }) {
  const pfs = useDocument("/v1/pfs");
  const abilities = useDocument("/v1/abilities");
  const capacity = useDocument("/v1/capacity");
  if (draft.state === null) {
    const [mistake] = draft.mistakes;
    return html`<${NoForm} mistake=${mistake} onYAML=${onYAML} />`;
  }
  if (!pfs.document || !(abilities.document || abilities.error)) {
    return pfs.error ? html`<${ErrorAlert} error=${pfs.error} onRetry=${pfs.reload} />` : html`<${Loading} />`;
  }
  return html`<${StateForm} draft=${draft} pfs=${pfs.document.pfs} abilities=${abilities.document?.pfs ?? []}
    capacity=${capacity.document?.pfs ?? []} wanted=${wanted} onWrong=${onWrong} />`;
}

function NoForm({ mistake, onYAML }) {
  return html`<div class="card stack"><p>${t("change.no_yaml", { line: mistake.line })}</p><p class="hint">${mistake.message}</p>
    <div class="actions"><button type="button" onClick=${() => onYAML(mistake)}>${t("change.to_line", { line: mistake.line })}</button></div></div>`;
}

function YAML({ draft, error, goTo, onSubmit }) {
  const schema = useDocument("/v1/schema");
  const pfs = useDocument("/v1/pfs");
  const known = useMemo(() => knownOf(pfs.document?.pfs ?? [], draft.state), [pfs.document, draft.state]);
  const mistakes = useMemo(() => [...draft.mistakes, ...mistakesIn(error)], [draft.mistakes, error]);
  return html`<${YAMLEditor} text=${draft.text} revision=${draft.revision} onText=${draft.setText} mistakes=${mistakes} schema=${schema.document}
    known=${known} goTo=${goTo} onSubmit=${onSubmit} /><p class="hint">${t("yaml.keys")}</p>`;
}

function knownOf(pfs, state) {
  const of = (key) => [...new Set(pfs.map((pf) => pf[key]).filter(Boolean))];
  return {
    "match.address": of("address"), "match.netdev": of("netdev"), "match.permanent_mac": of("permanent_mac"),
    "match.driver": of("driver"), "match.vendor_id": of("vendor_id"), "match.device_id": of("device_id"),
    driver: ["vfio-pci", "none"], from: Object.keys(state?.pfs ?? {}),
  };
}

function mistakesIn(error) {
  const place = placeOf(error);
  const { cause, hint } = error?.problem ?? {};
  return place ? [{ ...place, message: hint ? `${cause} – ${hint}` : cause }] : [];
}

function useWrongFields() {
  const [wrong, setWrong] = useState(() => new Set());
  const onWrong = useCallback((id, isWrong) => setWrong((now) => {
    if (now.has(id) === isWrong) return now;
    const next = new Set(now);
    if (isWrong) next.add(id);
    else next.delete(id);
    return next;
  }), []);
  return { wrong: wrong.size, onWrong };
}

/** The plan of the draft, once somebody asked for it. */
function usePlan(draft, reload) {
  const now = useStore(session);
  const [preview, setPreview] = useState(NOTHING);
  const mayEdit = includes(now?.role, "operate") && !now?.host?.read_only;
  async function lookAhead() {
    const { text, base } = draft;
    setPreview({ ...NOTHING, isBusy: true });
    try {
      setPreview({ ...NOTHING, forText: text, plan: await ask(text, base.etag, mayEdit) });
    } catch (error) {
      if (error.status === 412) reload();
      setPreview({ ...NOTHING, forText: text, error });
    }
  }
  return { preview, lookAhead, forget: () => setPreview(NOTHING) };
}

// Who may only look asks for a plan without the promise that the host is still as it was.
function ask(text, etag, mayEdit) {
  const contentType = "application/yaml";
  if (!mayEdit) return send("POST", "/v1/plan", text, { contentType });
  return send("PUT", "/v1/state", text, { contentType, headers: { "If-Match": etag } });
}
