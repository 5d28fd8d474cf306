// Whether buttons that change something may be pressed now, and why not.
import { connection } from "./live.js";
import { includes, session } from "./session.js";
import { useStore } from "./store.js";
import { t } from "./texts.js";

/**
 * @param {"read"|"operate"|"admin"} [needed]
 * @returns {{allowed: boolean, why: string|null}}
 */
export function useRights(needed = "operate") {
  const state = useStore(connection);
  const now = useStore(session);
  if (state !== "live") return { allowed: false, why: t("shell.not_while_away") };
  if (now?.host?.read_only) return { allowed: false, why: now.host.read_only };
  if (!includes(now?.role, needed)) {
    return { allowed: false, why: t("shell.role_needed", { role: t(`shell.role.${needed}`) }) };
  }
  return { allowed: true, why: null };
}
