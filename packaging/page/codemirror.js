// What a YAML editor with completion and marked errors needs, and no more.
//
// The page's policy forbids style elements.  CodeMirror then needs `root: shadowRoot` in the
// EditorView's options: within a shadow root it adopts constructed style sheets, which are allowed.
export { EditorState, Compartment, StateEffect, Prec } from "@codemirror/state";
export {
  EditorView, keymap, lineNumbers, drawSelection, highlightActiveLine, placeholder, Decoration,
  hoverTooltip,
} from "@codemirror/view";
export { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
export {
  HighlightStyle, syntaxHighlighting, syntaxTree, indentOnInput, indentUnit, bracketMatching,
} from "@codemirror/language";
export { yaml, yamlLanguage } from "@codemirror/lang-yaml";
export {
  autocompletion, completionKeymap, startCompletion, acceptCompletion, closeCompletion,
} from "@codemirror/autocomplete";
export { linter, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
export { tags } from "@lezer/highlight";
