/**
 * The place in the text that an error of the interface names: "body:4:13".
 * @param {any} error
 * @returns {{line: number, column: number} | null} both from 1
 */
export function placeOf(error) {
  const found = /^body:(\d+):(\d+)$/.exec(error?.problem?.subject ?? "");
  return found ? { line: Number(found[1]), column: Number(found[2]) } : null;
}
