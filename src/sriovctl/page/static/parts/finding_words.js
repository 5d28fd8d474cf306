// A finding of the doctor, as text to paste and as commands to copy.  Pure.

export const SEVERITIES = ["error", "warning", "unknown", "info"];

// What a fix may begin with, after "or" or a few words and a colon.
const PROGRAMS = [
  "sudo", "ip", "echo", "modprobe", "devlink", "cat", "dmesg", "mokutil", "bnxtnvm", "sriovctl", "update-grub",
  "grub2-mkconfig", "grubby", "systemctl", "lspci", "mlxconfig", "ethtool",
].join("|");
const COMMAND = new RegExp(`^(?:or:? )?(?:[^:/]{0,60}: )?((?:${PROGRAMS}) .+)$`);
const SENTENCE = /, then |, or | names | shows? | goes |, as | of the /;
const BEGINS = new RegExp(`^(?:${PROGRAMS}) `);

/**
 * The command in a fix, where it is one that can be pasted.
 * @param {string} fix
 * @returns {string | null}
 */
export function commandIn(fix) {
  const command = COMMAND.exec(fix)?.[1];
  if (!command || SENTENCE.test(command)) return null;
  return command.split("; ").every((one) => BEGINS.test(one)) ? command : null;
}

/**
 * A finding as the command prints it.
 * @param {any} finding
 */
export function findingAsText({ id, severity, subject, meaning, evidence, fix, gain }) {
  const labelled = (label, lines) => lines.map((line, at) => `   ${(at ? "" : `${label}:`).padEnd(6)}${line}`);
  return [
    `${severity.toUpperCase()} ${id}  ${subject ?? ""}`.trimEnd(),
    `   ${meaning}`,
    ...labelled("seen", evidence.map((one) => `${one.source}: ${one.value}`)),
    ...labelled("fix", fix),
    ...labelled("then", gain ? [gain] : []),
  ].join("\n");
}

/**
 * Findings by severity, the worst first.
 * @param {any[]} findings
 * @returns {{severity: string, findings: any[]}[]}
 */
export function bySeverity(findings) {
  const known = new Set(SEVERITIES);
  const others = [...new Set(findings.map((one) => one.severity))].filter((one) => !known.has(one));
  return [...SEVERITIES, ...others].map((severity) => (
    { severity, findings: findings.filter((one) => one.severity === severity) }
  )).filter((group) => group.findings.length);
}
