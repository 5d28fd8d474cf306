// Reading YAML, and editing it key by key without losing comments.
export { parseDocument, isMap, isScalar, LineCounter } from "yaml";
