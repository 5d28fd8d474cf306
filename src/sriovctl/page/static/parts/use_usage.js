import { useDocument } from "../core/documents.js";
import { useMemo } from "../core/dom.js";
import { usageOf } from "./vf_state.js";

/** Who uses what, as usageOf() puts it together, kept up to date. */
export function useUsage() {
  const owners = useDocument("/v1/owners").document;
  const leases = useDocument("/v1/leases").document;
  const doctor = useDocument("/v1/doctor").document;
  return useMemo(() => usageOf({ owners, leases, doctor }), [owners, leases, doctor]);
}
