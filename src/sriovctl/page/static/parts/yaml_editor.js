// The state as YAML, with completion from the schema and mistakes marked where they are.
import { html, useEffect, useRef, useState } from "../core/dom.js";
import { t } from "../core/texts.js";
import { Loading } from "./loading.js";
import { hintAt, offersAt, placeAt } from "./yaml_schema.js";

/**
 * @typedef {{line: number, column: number, message: string}} Mistake lines and columns from 1
 */

/**
 * @param {{text: string, revision: number, onText: (text: string) => void, mistakes: Mistake[], schema: any,
 *   known: Record<string, string[]>, goTo?: {line: number, column: number} | null, onSubmit: () => void}} props
 *   revision: another one when others wrote the text; known: values that this host offers, by key; goTo: where the cursor should stand
 */
export function YAMLEditor(props) {
  const [tools, setTools] = useState(null);
  const [isBroken, setBroken] = useState(false);
  useEffect(() => {
    import("../vendor/codemirror.js").then(setTools, () => setBroken(true));
  }, []);
  if (isBroken) return html`<${PlainEditor} ...${props} />`;
  if (!tools) return html`<${Loading} />`;
  return html`<${Editor} tools=${tools} ...${props} />`;
}

/** Where the editor could not be loaded: the text all the same. */
function PlainEditor({ text, onText }) {
  return html`<textarea class="yaml-plain" aria-label=${t("yaml.label")} spellcheck="false" value=${text}
    onChange=${(event) => onText(event.currentTarget.value)}></textarea>`;
}

function Editor({ tools, text, revision, onText, mistakes, schema, known, goTo, onSubmit }) {
  const place = useRef(null);
  const view = useRef(null);
  const props = useRef({});
  props.current = { onText, schema, known, onSubmit };
  useEffect(() => {
    // In a tree of its own, where styles may be made by script: the page's policy forbids
    // <style>, and asks no more of adopted style sheets than of any script.
    const root = place.current.shadowRoot ?? place.current.attachShadow({ mode: "open" });
    view.current = makeView(tools, root, text, props);
    return () => view.current.destroy();
  }, []);
  useEffect(() => replaceText(view.current, text), [revision]);
  useEffect(() => {
    view.current.dispatch(tools.setDiagnostics(view.current.state, asDiagnostics(view.current.state.doc, mistakes)));
  }, [mistakes, text]);
  useEffect(() => {
    if (goTo) moveTo(tools, view.current, goTo);
  }, [goTo]);
  return html`<div class="yaml" ref=${place}></div>`;
}

function replaceText(view, text) {
  const now = view.state.doc.toString();
  if (now !== text) view.dispatch({ changes: { from: 0, to: now.length, insert: text } });
}

function offsetOf(doc, { line, column }) {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return Math.min(found.from + Math.max(column - 1, 0), found.to);
}

function asDiagnostics(doc, mistakes) {
  return mistakes.map(({ line, column, message }) => {
    const from = offsetOf(doc, { line, column });
    const rest = /^[\w.-]+/.exec(doc.sliceString(from, doc.lineAt(from).to))?.[0].length ?? 1;
    return { from, to: Math.min(from + rest, doc.length), severity: "error", message };
  });
}

function moveTo({ EditorView }, view, goTo) {
  const at = offsetOf(view.state.doc, goTo);
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  view.focus();
}

function makeView(tools, root, text, props) {
  const { EditorState, EditorView, keymap } = tools;
  const submit = { key: "Mod-Enter", run: () => (props.current.onSubmit(), true) };
  return new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: text,
      extensions: [
        tools.lineNumbers(), tools.history(), tools.drawSelection(), tools.highlightActiveLine(),
        tools.indentUnit.of("  "), tools.bracketMatching(), tools.yaml(), tools.lintGutter(),
        tools.autocompletion({ override: [(context) => complete(context, props.current)] }),
        tools.hoverTooltip((editor, at) => hover(editor, at, props.current.schema)),
        // Tab moves on, as everywhere on the page; Ctrl-] indents.
        keymap.of([submit, ...tools.completionKeymap, ...tools.lintKeymap, ...tools.historyKeymap, ...tools.defaultKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": t("yaml.label"), spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) props.current.onText(update.state.doc.toString());
        }),
        tools.syntaxHighlighting(colours(tools)), look(EditorView),
      ],
    }),
  });
}

function complete(context, { schema, known }) {
  if (!schema) return null;
  const text = context.state.doc.toString();
  const place = placeAt(text, context.pos);
  if (!context.explicit && !place.word && !/[{,:]\s*$/.test(text.slice(Math.max(0, context.pos - 3), context.pos))) return null;
  const options = offersAt(schema, place, { known }).map((offer) => (
    { ...offer, type: place.isKey ? "property" : "constant" }
  ));
  return options.length ? { from: place.from, options, validFor: /^[\w.:-]*$/ } : null;
}

function hover(editor, at, schema) {
  const found = schema && hintAt(schema, editor.state.doc.toString(), at);
  if (!found) return null;
  return {
    pos: found.from,
    end: found.to,
    above: true,
    create() {
      const dom = document.createElement("div");
      dom.className = "cm-hint";
      const [name, kind, meaning] = ["strong", "code", "p"].map((tag) => document.createElement(tag));
      [name.textContent, kind.textContent, meaning.textContent] = [found.key, ` ${found.kind ?? ""}`, found.meaning];
      dom.append(name, kind, meaning);
      return { dom };
    },
  };
}

const colours = ({ HighlightStyle, tags }) => HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.keyword, tags.null, tags.atom], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--soft)" },
]);

const look = (EditorView) => EditorView.theme({
  "&": {
    backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "13px", minHeight: "320px", maxHeight: "70vh",
    border: "1px solid var(--line)", borderRadius: "var(--radius)",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px" },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-ground)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent-ground) 45%, transparent)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--soft)", borderRight: "1px solid var(--line)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--accent-ground)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "var(--radius)" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12.5px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--soft)", fontStyle: "normal", marginLeft: "12px" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionIcon": { display: "none" },
  ".cm-completionInfo": { fontFamily: "var(--sans)", maxWidth: "280px", padding: "6px 10px" },
  ".cm-hint": { maxWidth: "320px", padding: "6px 10px", fontSize: "13px", fontFamily: "var(--sans)" },
  ".cm-hint p": { margin: "2px 0 0", color: "var(--soft)" },
  ".cm-diagnostic": { borderLeft: "3px solid var(--bad)", padding: "6px 10px", fontFamily: "var(--sans)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-lint-marker": { width: "10px", height: "10px" },
  ".cm-lint-marker-error": { content: '""', backgroundColor: "var(--bad)", borderRadius: "2px" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-ground)", outline: "1px solid var(--line-strong)" },
});
